/**
 * The changes to topics that several brokers share, as scripts that Redis runs one after the other. A topic is one hash: of
 * each member where it is, when it came and when it asked for the token, the count of changes, and whether it is founded.
 * Each script tells every instance with members in the topic, over the channel of that instance, what has changed: what an
 * instance hears there, in order, is what there is. So there is one order of things, and one holder of a token.
 */
import { type CommandParser, defineScript } from '@redis/client';
import type { PeerName } from './protocol.ts';

type EmptyObject = Readonly<Record<string, never>>;

/** What an instance hears of a topic. */
export type Heard =
  /** All there is; `answer` is the number of the join that is answered by it, '' all that wait for an answer. */
  | {
      readonly kind: 'snapshot';
      readonly topic: string;
      readonly members: readonly HeardMember[] | EmptyObject;
      readonly founded: boolean;
      readonly answer: string;
    }
  | {
      readonly kind: 'change';
      readonly topic: string;
      readonly exited: readonly string[] | EmptyObject;
      readonly entered: readonly HeardMember[] | EmptyObject;
      readonly founded: boolean;
    };

/** Name, instance, when it asked for the token. */
export type HeardMember = readonly [string, string, number];

/** All that is said on the channel of an instance. */
export type ChannelMessage =
  | Heard
  | { readonly kind: 'beat'; readonly beat: number }
  | {
      readonly kind: 'relay';
      readonly topic: string;
      readonly from: PeerName;
      readonly to: PeerName;
      readonly data: string;
    };

/** Lua writes an empty list as an empty object. */
export function listOf<T>(list: readonly T[] | EmptyObject): readonly T[] {
  return isList(list) ? list : [];
}

function isList<T>(list: readonly T[] | EmptyObject): list is readonly T[] {
  return Array.isArray(list);
}

/** KEYS: the topic. ARGV from 1: prefix, name of the topic for channels, life of the topic in ms, own instance. */
const common = `
local key, prefix, topic, life, self = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local members, founded, seq = {}, false, 0
do
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local field, value = all[i], all[i + 1]
    if field == 'founded' then founded = true
    elseif field == 'seq' then seq = tonumber(value)
    else
      local came, asked, at = value:match('^(%d+)|(%d+)|(.*)$')
      members[field:sub(3)] = { came = tonumber(came), asked = tonumber(asked), at = at }
    end
  end
end
local function count()
  local n = 0
  for _ in pairs(members) do n = n + 1 end
  return n
end
local audience = {}
local function gather()
  for _, member in pairs(members) do audience[member.at] = true end
end
local function remove(matches)
  local exited = {}
  for name, member in pairs(members) do
    if matches(name, member) then exited[#exited + 1] = name end
  end
  for _, name in ipairs(exited) do
    members[name] = nil
    redis.call('HDEL', key, 'm:' .. name)
  end
  if #exited > 0 and count() == 0 then
    redis.call('DEL', key)
    founded = false
  end
  return exited
end
local function publish(at, message)
  redis.call('PUBLISH', prefix .. 'to:' .. at, cjson.encode(message))
end
local function tell(exited, entered, except)
  for at in pairs(audience) do
    if at ~= except then
      publish(at, { kind = 'change', topic = topic, exited = exited, entered = entered, founded = founded })
    end
  end
end
local function isDead(at)
  return redis.call('EXISTS', prefix .. 'alive:' .. at) == 0
end
`;

/**
 * ARGV from 5: the most members, `sync` or the number of the join, the life of an instance in ms, how many members follow,
 * and their names and wishes (`ask`, `done` or nothing) by turns. With `sync` they are all the members that the instance has
 * in the topic, and everything that it believes of the topic comes after them: names, instances, and when they asked.
 *
 * A Redis that has lost its memory is told of it again by the first instance that comes back, so that nobody is taken for
 * gone, and the token stays where it is. The other instances then have a life's time to come back as well.
 */
const enterScript = `${common}
local most, mode, ttl = tonumber(ARGV[5]), ARGV[6], ARGV[7]
local firstName, firstBelieved = 9, 9 + 2 * tonumber(ARGV[8])
local named = {}
for i = firstName, firstBelieved - 1, 2 do named[ARGV[i]] = true end
gather()
local entered, isFull = {}, false
if next(members) == nil then
  for i = firstBelieved, #ARGV, 3 do
    local name, at, asked = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
    if at ~= self or named[name] then
      local member = { came = (i - firstBelieved) / 3 + 1, asked = asked, at = at }
      members[name] = member
      seq = math.max(seq, member.came, asked)
      if at ~= self then redis.call('SET', prefix .. 'alive:' .. at, 1, 'PX', ttl, 'NX') end
      redis.call('HSET', key, 'seq', seq, 'm:' .. name, string.format('%d|%d|%s', member.came, asked, at))
      entered[#entered + 1] = { name, at, asked }
    end
  end
  gather()
end
local dead = {}
for at in pairs(audience) do
  if at ~= self and isDead(at) then dead[at] = true end
end
local exited = remove(function(name, member)
  return dead[member.at] or (mode == 'sync' and member.at == self and not named[name])
end)
for i = firstName, firstBelieved - 1, 2 do
  local name, wish = ARGV[i], ARGV[i + 1]
  local member = members[name]
  if member == nil and mode ~= 'sync' and count() >= most then
    isFull = true
  else
    seq = seq + 1
    local isNew = member == nil or member.at ~= self
    if member == nil then member = { came = seq, asked = 0 } end
    member.at = self
    if wish == 'ask' and member.asked == 0 then
      member.asked = seq
      isNew = true
    end
    if wish == 'done' and not founded then
      founded = true
      isNew = true
      redis.call('HSET', key, 'founded', 1)
    end
    members[name] = member
    redis.call('HSET', key, 'seq', seq, 'm:' .. name, string.format('%d|%d|%s', member.came, member.asked, self))
    if isNew then entered[#entered + 1] = { name, self, member.asked } end
  end
end
if count() > 0 then redis.call('PEXPIRE', key, life) end
if #exited > 0 or #entered > 0 then tell(exited, entered, self) end
if isFull then
  if #exited > 0 then publish(self, { kind = 'change', topic = topic, exited = exited, entered = {}, founded = founded }) end
  return 0
end
local names = {}
for name in pairs(members) do names[#names + 1] = name end
table.sort(names, function(a, b) return members[a].came < members[b].came end)
local list = {}
for i, name in ipairs(names) do list[i] = { name, members[name].at, members[name].asked } end
local answer = mode
if mode == 'sync' then answer = '' end
publish(self, { kind = 'snapshot', topic = topic, members = list, founded = founded, answer = answer })
return 1
`;

/** ARGV from 5: the name. Only where the instance has it. */
const exitScript = `${common}
gather()
local exited = remove(function(name, member) return name == ARGV[5] and member.at == self end)
if #exited > 0 then tell(exited, {}, nil) end
return #exited
`;

const foundScript = `${common}
if founded or count() == 0 then return 0 end
founded = true
redis.call('HSET', key, 'founded', 1)
gather()
tell({}, {}, nil)
return 1
`;

/** ARGV from 5: an instance, whose members are gone if it is. */
const reapScript = `${common}
if not isDead(ARGV[5]) then return 0 end
gather()
audience[ARGV[5]] = nil
local exited = remove(function(_, member) return member.at == ARGV[5] end)
if #exited > 0 then tell(exited, {}, nil) end
return #exited
`;

/** A script of one key. Its reply is a number. */
export interface TopicScript {
  readonly SCRIPT: string;
  readonly SHA1: string;
  readonly NUMBER_OF_KEYS: 1;
  readonly parseCommand: (parser: CommandParser, key: string, ...args: string[]) => void;
  readonly transformReply: (reply: unknown) => number;
}

function script(text: string): TopicScript {
  return defineScript({
    SCRIPT: text,
    NUMBER_OF_KEYS: 1,
    parseCommand(parser: CommandParser, key: string, ...args: string[]) {
      parser.pushKey(key);
      parser.push(...args);
    },
    transformReply: Number,
  });
}

export const scripts: Readonly<Record<'enter' | 'exit' | 'found' | 'reap', TopicScript>> = {
  enter: script(enterScript),
  exit: script(exitScript),
  found: script(foundScript),
  reap: script(reapScript),
};
