/** The hooks of `flotilla/react` under StrictMode, over a real group of one tab. */
import { type ReactElement, StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { createGroup, defineMachine } from '../../src/index.ts';
import {
  GroupProvider,
  useConnection,
  useGroup,
  useOpenGroup,
  usePending,
  usePresence,
  useReplicated,
} from '../../src/react/index.ts';

interface Tally {
  readonly left: number;
  readonly right: number;
}

const tally = defineMachine({
  name: 'react tally',
  initial: { left: 0, right: 0 },
  apply: (state: Tally, side: keyof Tally) => ({
    state: { ...state, [side]: state[side] + 1 },
    result: state[side] + 1,
  }),
});

const signaling = new URLSearchParams(location.search).get('signaling') ?? '';

/** What a test asks for, beside what it sees. */
const counts = { opened: 0, closed: 0, renders: { left: 0, right: 0 } };
Object.assign(globalThis, { counts });

function Side({ side }: { readonly side: keyof Tally }): ReactElement {
  const group = useGroup<Tally, keyof Tally, number>();
  // Another function each time: that alone is no reason to render.
  const count = useReplicated((state: Tally) => state[side]);
  counts.renders[side]++;
  return (
    <button id={side} onClick={() => void group.propose(side)}>
      {count}
    </button>
  );
}

function Around(): ReactElement {
  const { phase } = useConnection();
  const pending = usePending<keyof Tally>();
  const { self, set } = usePresence<string>();
  const optimistic = useReplicated((state: Tally) => state.left + state.right, { optimistic: true });
  return (
    <p>
      <span id="phase">{phase}</span> <span id="pending">{pending.length}</span>{' '}
      <span id="optimistic">{optimistic}</span> <span id="self">{self}</span>
      <button
        id="show"
        onClick={() => {
          set('here');
        }}
      >
        show
      </button>
    </p>
  );
}

function Opened(): ReactElement {
  const opened = useOpenGroup(async () => {
    counts.opened++;
    const group = await createGroup({ machine: tally, signaling, founders: 1, iceServers: [], storage: 'memory' });
    group.on('stopped', () => counts.closed++);
    return group;
  });
  if (opened.status !== 'open') return <p id="opening">{opened.status}</p>;
  return (
    <GroupProvider group={opened.group}>
      <Side side="left" />
      <Side side="right" />
      <Around />
    </GroupProvider>
  );
}

function App(): ReactElement {
  const [isThere, setIsThere] = useState(true);
  return (
    <>
      <button
        id="toggle"
        onClick={() => {
          setIsThere(!isThere);
        }}
      >
        toggle
      </button>
      {isThere && <Opened />}
    </>
  );
}

const root = document.querySelector('#root');
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
