/** What the three small applications have in common: a group whose invite is in the address, and how it is doing. */
import { createGroup, type Group, hasInvite, joinGroup, type MachineDefinition } from 'flotilla';
import { GroupProvider, useConnection, useGroup, useOpenGroup, usePending } from 'flotilla/react';
import { type ReactElement, type ReactNode, StrictMode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import './page.css';

/** Members that a group begins with: all of them have to come once. */
const founders = 3;

function signalingAddress(): string {
  const asked = new URLSearchParams(location.search).get('signaling');
  const configured = import.meta.env.VITE_SIGNALING as string | undefined;
  return asked ?? configured ?? `ws://${location.hostname}:8787`;
}

/** Joins by the invite in the address, or creates a group and puts its invite there. */
async function enter<State, Command, Result>(
  machine: MachineDefinition<State, Command, Result>,
): Promise<Group<State, Command, Result>> {
  // What is done offline is sent later, also after a reload.
  const options = { machine, iceServers: [], outbox: true };
  const group = hasInvite(location.hash)
    ? await joinGroup({ ...options, invite: location.hash })
    : await createGroup({ ...options, signaling: signalingAddress(), founders });
  history.replaceState(null, '', group.invite);
  return group;
}

interface PageProps<State, Command, Result> {
  readonly title: string;
  readonly machine: MachineDefinition<State, Command, Result>;
  readonly children: ReactNode;
}

function Page<State, Command, Result>({ title, machine, children }: PageProps<State, Command, Result>): ReactElement {
  const opened = useOpenGroup(() => enter(machine));
  return (
    <>
      {opened.status === 'open' ? (
        <GroupProvider group={opened.group}>
          <header>
            <h1>{title}</h1>
            <Status />
          </header>
          <main>
            <Failures />
            {children}
          </main>
        </GroupProvider>
      ) : (
        <main>
          <h1>{title}</h1>
          {opened.status === 'failed' ? (
            <p role="alert" className="error">
              {String(opened.error)} <a href={location.pathname + location.search}>Begin anew</a>
            </p>
          ) : (
            <p className="quiet">Opening…</p>
          )}
        </main>
      )}
    </>
  );
}

/** What was done before the page was loaded, and has come to nothing since. */
function Failures(): ReactElement | null {
  const { restored } = useGroup();
  const [problem, setProblem] = useState('');
  useEffect(() => {
    for (const { settled } of restored) {
      settled.catch((error: unknown) => {
        setProblem(error instanceof Error ? error.message : String(error));
      });
    }
  }, [restored]);
  return problem === '' ? null : (
    <p role="alert" className="error">
      {problem}
    </p>
  );
}

function Status(): ReactElement {
  const { invite } = useGroup();
  const { phase, missing, member } = useConnection();
  const pending = usePending();
  const waiting = pending.length;
  const isKept = pending.every((command) => command.isKept);
  const isLed = member !== null && member.leader !== null;
  return (
    <p className="status" role="status" aria-label="Connection">
      {phase === 'running' ? (
        <span className={isLed ? 'yes' : 'no'}>{isLed ? 'Together' : 'Nobody leads: what you do waits'}</span>
      ) : (
        <span className="no">{missing === null ? 'Waiting for the others' : `Waiting for ${missing} more`}</span>
      )}
      {waiting > 0 && (
        <span className="no">
          {waiting} to be sent{isKept && ', and kept until then'}
        </span>
      )}
      <a href={invite} target="_blank" rel="noreferrer">
        open another tab
      </a>
    </p>
  );
}

/** Shows an application once its group is open. */
export function showPage<State, Command, Result>(
  title: string,
  machine: MachineDefinition<State, Command, Result>,
  content: ReactElement,
): void {
  const root = document.querySelector('#root');
  if (root === null) throw new Error('the page has no root');
  // A page that comes out of the back-forward cache has left its group when it went in: begin again from storage.
  addEventListener('pageshow', (event) => {
    if (event.persisted) location.reload();
  });
  createRoot(root).render(
    <StrictMode>
      <Page title={title} machine={machine}>
        {content}
      </Page>
    </StrictMode>,
  );
}
