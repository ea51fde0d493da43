/** A chat with presence: what was said is in the log, and who is here and types goes beside it. */
import { chat, type ChatCommand, type ChatState, messagesAfter } from 'flotilla/machines';
import { useGroup, usePending, usePresence, useReplicated } from 'flotilla/react';
import { type SubmitEvent, type ReactElement, useEffect, useRef, useState } from 'react';
import { nameOfThisTab } from '../shared/name.ts';
import { showPage } from '../shared/page.tsx';
import './chat.css';

interface Here {
  readonly name: string;
  readonly types: boolean;
}

const shownMessages = 200;

/** Seconds without a key after which nobody types. */
const restMs = 2000;

const name = nameOfThisTab();

function ChatPage(): ReactElement {
  return (
    <>
      <WhoIsHere />
      <Messages />
      <Say />
    </>
  );
}

function WhoIsHere(): ReactElement {
  const { others } = usePresence<Here>();
  return (
    <ul className="here" aria-label="Who is here">
      <li>
        <strong>{name}</strong> (you)
      </li>
      {others.map(({ member, value }) => (
        <li key={member}>
          {value.name}
          {value.types && <span className="quiet"> types…</span>}
        </li>
      ))}
    </ul>
  );
}

function Messages(): ReactElement {
  const messages = useReplicated((state: ChatState) => state);
  const pending = usePending<ChatCommand>();
  const list = useRef<HTMLUListElement>(null);
  const shown = messagesAfter(messages, 0).slice(-shownMessages);
  useEffect(() => {
    list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [messages, pending]);
  return (
    <ul className="messages" aria-label="Messages" ref={list}>
      {shown.map(({ index, name: author, text, time }) => (
        <li key={index}>
          <time className="quiet" dateTime={new Date(time).toISOString()}>
            {new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}
          </time>{' '}
          <strong>{author}</strong> {text}
        </li>
      ))}
      {pending.map(({ id, command }) => (
        <li key={`pending ${id}`} className="pending">
          <strong>{command.as}</strong> {command.say}
        </li>
      ))}
    </ul>
  );
}

function Say(): ReactElement {
  const group = useGroup<ChatState, ChatCommand, number>();
  const { set } = usePresence<Here>();
  const [text, setText] = useState('');
  const [problem, setProblem] = useState('');
  const types = text !== '';
  useEffect(() => {
    set({ name, types });
    if (!types) return;
    const timer = setTimeout(() => {
      set({ name, types: false });
    }, restMs);
    return () => {
      clearTimeout(timer);
    };
    // Every key begins the time anew.
  }, [set, types, text]);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (text.trim() === '') return;
    setProblem('');
    setText('');
    group.propose({ say: text, as: name }, { timeoutMs: Infinity }).catch((error: unknown) => {
      setProblem(error instanceof Error ? error.message : String(error));
    });
  };
  return (
    <>
      <form className="line" onSubmit={submit}>
        <input
          aria-label="Message"
          placeholder="Say something"
          value={text}
          maxLength={1000}
          autoComplete="off"
          onChange={(event) => {
            setText(event.target.value);
          }}
        />
        <button className="primary">Say</button>
      </form>
      <p role="status" className="error">
        {problem}
      </p>
    </>
  );
}

showPage('Chat', chat('flotilla chat 1'), <ChatPage />);
