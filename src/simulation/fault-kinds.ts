/**
 * What can go wrong in a simulation, as data: the faults of proof, each with the roles that it can hit, and where it is
 * simulated. Faults that belong to a page, or to more than one version of the code, are listed with the reason why they
 * are not here.
 */

export type FaultCategory = 'network' | 'process' | 'clock' | 'storage' | 'cluster';

export interface FaultKindInfo {
  readonly category: FaultCategory;
  /** One line for people. */
  readonly what: string;
  /** How often it is drawn, beside others of its category. */
  readonly weight: number;
}

export type FaultKind =
  | 'loss'
  | 'delay'
  | 'reorder'
  | 'duplicate'
  | 'one-way'
  | 'partition'
  | 'partial-partition'
  | 'isolate-leader'
  | 'isolate-follower'
  | 'flapping'
  | 'swizzle'
  | 'full-queue'
  | 'reopened-channel'
  | 'crash-at-effect'
  | 'crash-in-write'
  | 'crash-majority'
  | 'crash-loop'
  | 'freeze'
  | 'frozen-hours'
  | 'slow-cpu'
  | 'blocked-loop'
  | 'background-timers'
  | 'duplicated-tab'
  | 'clock-skew'
  | 'clock-step'
  | 'clock-frozen'
  | 'clock-coarse'
  | 'slow-disk'
  | 'write-error'
  | 'read-error'
  | 'aborted-write'
  | 'torn-tail'
  | 'half-snapshot'
  | 'blocked-open'
  | 'eviction'
  | 'corrupt-store'
  | 'stores-disagree'
  | 'add'
  | 'promote'
  | 'demote'
  | 'remove'
  | 'remove-leader'
  | 'replace'
  | 'two-operators'
  | 'transfer'
  | 'campaign'
  | 'removed-returns';

/** In the order in which they are drawn and reported. */
export const faultKinds: Readonly<Record<FaultKind, FaultKindInfo>> = {
  loss: { category: 'network', what: 'messages are lost', weight: 2 },
  delay: { category: 'network', what: 'messages take long, some very long', weight: 2 },
  reorder: { category: 'network', what: 'messages overtake each other', weight: 2 },
  duplicate: { category: 'network', what: 'messages come twice, or again minutes later', weight: 2 },
  'one-way': { category: 'network', what: 'a is heard by b, and b not by a', weight: 2 },
  partition: { category: 'network', what: 'a majority and a minority are apart', weight: 3 },
  'partial-partition': { category: 'network', what: 'a bridge, or a ring of majorities', weight: 3 },
  'isolate-leader': { category: 'network', what: 'nobody hears the leader, nor it anybody', weight: 3 },
  'isolate-follower': { category: 'network', what: 'a follower is alone until it needs a snapshot', weight: 2 },
  flapping: { category: 'network', what: 'a link goes and comes', weight: 2 },
  swizzle: { category: 'network', what: 'links are clogged one by one, and unclogged in another order', weight: 2 },
  'full-queue': { category: 'network', what: 'a link takes nothing more', weight: 2 },
  'reopened-channel': { category: 'network', what: 'a link ends amid what it carries, and a new one comes', weight: 3 },
  'crash-at-effect': { category: 'process', what: 'a process dies between two of its effects', weight: 4 },
  'crash-in-write': { category: 'process', what: 'a process dies while its disk is writing', weight: 4 },
  'crash-majority': { category: 'process', what: 'a majority dies together', weight: 1 },
  'crash-loop': { category: 'process', what: 'a process dies again and again', weight: 1 },
  freeze: { category: 'process', what: 'a process stands still, shorter or longer than a lease', weight: 3 },
  'frozen-hours': { category: 'process', what: 'a tab is frozen for hours', weight: 1 },
  'slow-cpu': { category: 'process', what: 'every event takes long', weight: 1 },
  'blocked-loop': { category: 'process', what: 'the event loop is blocked between input and output', weight: 2 },
  'background-timers': { category: 'process', what: 'timers fire once a second, then once a minute', weight: 2 },
  'duplicated-tab': { category: 'process', what: 'a second process opens the same store', weight: 1 },
  'clock-skew': { category: 'clock', what: 'a clock runs fast or slow by a tenth', weight: 2 },
  'clock-step': { category: 'clock', what: 'a wall clock jumps', weight: 1 },
  'clock-frozen': { category: 'clock', what: 'a clock stands still', weight: 1 },
  'clock-coarse': { category: 'clock', what: 'a clock shows coarse steps', weight: 1 },
  'slow-disk': { category: 'storage', what: 'writes take 10 to 1,000 ms', weight: 3 },
  'write-error': { category: 'storage', what: 'a write fails', weight: 2 },
  'read-error': { category: 'storage', what: 'the store cannot be read at the start', weight: 1 },
  'aborted-write': { category: 'storage', what: 'a write is said to have failed, and has not', weight: 1 },
  'torn-tail': { category: 'storage', what: 'of the writes on their way, a part reaches the disk', weight: 2 },
  'half-snapshot': { category: 'storage', what: 'a process dies while it writes a snapshot', weight: 2 },
  'blocked-open': { category: 'storage', what: 'opening the store takes minutes', weight: 1 },
  eviction: { category: 'storage', what: 'a store is lost; the process comes back as somebody new', weight: 1 },
  'corrupt-store': { category: 'storage', what: 'a store is found damaged, and not believed', weight: 1 },
  'stores-disagree': { category: 'storage', what: 'the log is there, the snapshot is not', weight: 1 },
  add: { category: 'cluster', what: 'a newcomer becomes a learner, or a witness', weight: 3 },
  promote: { category: 'cluster', what: 'a learner becomes a voter', weight: 3 },
  demote: { category: 'cluster', what: 'a voter becomes a learner', weight: 2 },
  remove: { category: 'cluster', what: 'a member is removed', weight: 2 },
  'remove-leader': { category: 'cluster', what: 'the leader is removed', weight: 2 },
  replace: { category: 'cluster', what: 'voters are replaced through a joint configuration', weight: 2 },
  'two-operators': { category: 'cluster', what: 'two changes are proposed at the same moment', weight: 2 },
  transfer: { category: 'cluster', what: 'leadership is handed over, also during a change', weight: 3 },
  campaign: {
    category: 'cluster',
    what: 'a member stands for election at once, perhaps while its leader is cut off',
    weight: 3,
  },
  'removed-returns': { category: 'cluster', what: 'somebody removed comes back with its old log', weight: 1 },
};

export const allFaultKinds: readonly FaultKind[] = Object.keys(faultKinds) as FaultKind[];

/** What a process can be when a fault hits it; `group` for what hits many at once. */
export type FaultRole =
  'leader' | 'follower' | 'pre-candidate' | 'candidate' | 'learner' | 'witness' | 'down' | 'group';

export const faultRoles: readonly FaultRole[] = [
  'leader',
  'follower',
  'pre-candidate',
  'candidate',
  'learner',
  'witness',
  'down',
  'group',
];

const voting: readonly FaultRole[] = ['leader', 'follower', 'pre-candidate', 'candidate', 'witness'];
const running: readonly FaultRole[] = [...voting, 'learner'];

/** Kinds that do not hit whoever happens to be running. */
const special: Readonly<Partial<Record<FaultKind, readonly FaultRole[]>>> = {
  loss: ['group'],
  delay: ['group'],
  reorder: ['group'],
  duplicate: ['group'],
  partition: ['group'],
  'partial-partition': ['group'],
  swizzle: ['group'],
  'crash-majority': ['group'],
  'one-way': [...running, 'down'],
  flapping: [...running, 'down'],
  'full-queue': [...running, 'down'],
  'reopened-channel': [...running, 'down'],
  'isolate-leader': ['leader'],
  'isolate-follower': ['follower', 'pre-candidate', 'candidate', 'learner', 'witness'],
  eviction: voting,
  'corrupt-store': voting,
  'stores-disagree': voting,
  add: ['learner', 'down'],
  promote: ['learner', 'down'],
  demote: [...voting, 'down'],
  remove: [...voting, 'down'],
  replace: [...voting, 'down'],
  'remove-leader': ['leader'],
  'two-operators': ['leader'],
  transfer: ['leader'],
  campaign: ['follower', 'pre-candidate', 'candidate', 'learner', 'witness'],
  'removed-returns': ['down'],
};

/** In which roles a fault of this kind can find those that it hits. */
export function rolesOf(kind: FaultKind): readonly FaultRole[] {
  return special[kind] ?? running;
}

/** Faults that are not simulated, and why. */
export const faultsElsewhere: readonly (readonly [string, string])[] = [
  ['chunks interleaved or cut', 'drawn for a whole run: messages then travel as fragments of frames'],
  ['persist completes out of order across stores', 'every run: each disk has its own delays'],
  [
    'a lost suffix of acknowledged writes (relaxed durability)',
    'what is acknowledged and lost breaks the contract of storage; the durability in force is reported instead',
  ],
  ['a bit flip in an entry', 'the stores find it by checksum (their own tests); here it is `corrupt-store`'],
  ['mixed library versions', 'there is one version yet'],
  ['restart with a changed configuration file', 'there is none: the configuration is in the log'],
];
