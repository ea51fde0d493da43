/**
 * The least that a relay can be: it takes the members of a topic two by two, in the order in which they come, and passes on
 * what one says to the other, unread and without any limit. What the broker costs is measured against it.
 */
import type { AddressInfo } from 'node:net';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
const single = new Map<string, WebSocket>();
let names = 0;

server.on('connection', (socket) => {
  socket.send(JSON.stringify({ type: 'welcome', protocol: 1, peer: String(names++) }));
  socket.once('message', (data: Buffer) => {
    const { topic } = JSON.parse(data.toString()) as { readonly topic: string };
    const other = single.get(topic);
    if (other === undefined) single.set(topic, socket);
    else join(topic, socket, other);
    socket.send(JSON.stringify({ type: 'joined', topic, peers: [], founding: { state: 'open' } }));
  });
});

function join(topic: string, one: WebSocket, other: WebSocket): void {
  single.delete(topic);
  const passOn = (to: WebSocket) => (data: RawData) => {
    to.send(data, { binary: false });
  };
  one.on('message', passOn(other));
  other.on('message', passOn(one));
}

server.once('listening', () => {
  console.log(`listens on ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
