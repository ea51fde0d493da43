import { type ReactElement, useSyncExternalStore } from 'react';
import { GroupPage } from './group-page.tsx';
import { demoSession, founders, type Session } from './session.ts';

export function App(): ReactElement {
  const session = useSyncExternalStore(demoSession.subscribe, demoSession.get);
  return (
    <>
      <header className="masthead">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <path d="M15 3v17H5z" />
          <path d="M17 7v13h8z" opacity=".6" />
          <path d="M3 22h26l-4 6H7z" />
        </svg>
        <div>
          <h1>Flotilla</h1>
          <p>Browser tabs that agree: Raft over WebRTC, with the log in IndexedDB.</p>
        </div>
      </header>
      <main>{page(session)}</main>
    </>
  );
}

function page(session: Session): ReactElement {
  switch (session.kind) {
    case 'opening':
      return <p className="quiet">Opening the storage of this tab…</p>;
    case 'in':
      return <GroupPage key={session.group.id} group={session.group} />;
    case 'none':
      return <Start session={session} />;
  }
}

function Start({ session }: { readonly session: Extract<Session, { kind: 'none' }> }): ReactElement {
  return (
    <section className="card start">
      <h2>Start a group</h2>
      <p>
        A group is founded when {founders} tabs are there. They elect a leader, and from then on every command that you
        type in any of them takes effect in all of them, in one order, exactly once. Close any one, and the other two go
        on.
      </p>
      <button className="primary" onClick={() => void demoSession.create()} autoFocus>
        Create a group
      </button>
      {session.stored.length > 0 && (
        <>
          <h3>Or come back</h3>
          <p>This tab’s storage holds a member of:</p>
          <ul className="stored">
            {session.stored.map(({ id }) => (
              <li key={id}>
                <button onClick={() => void demoSession.reopen(id)}>
                  Open group <code>{id.slice(0, 6)}</code>
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
      {session.error !== null && (
        <p role="alert" className="error">
          {session.error}
        </p>
      )}
    </section>
  );
}
