// The payload that links carry, which is their limit: all machines send to all others over TCP at the same time, as in each half
// of a step. link.js INDEX BYTES ADDRESS...: the machine's own number among the addresses, and the bytes that it sends at a time.
// Machine 0 prints bytes a second and direction, of all exchanges but the first, which finds out what the links take.
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

const port = 29_500;
const exchanges = 6;
const piece = Buffer.alloc(1 << 18);

/** Sends and receives as many bytes at a time, and calls `ended` after each. */
async function exchangeAll(socket: Socket, bytes: number, ended: () => void): Promise<void> {
  let received = 0;
  let wake = () => {};
  socket.on("data", (data) => {
    received += data.length;
    wake();
  });
  for (let i = 1; i <= exchanges; i++) {
    for (let sent = 0; sent < bytes; sent += piece.length) {
      if (!socket.write(piece.subarray(0, bytes - sent))) await once(socket, "drain");
    }
    while (received < i * bytes) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    ended();
  }
}

/** Connected, once the other side listens. */
async function connectTo(address: string): Promise<Socket> {
  for (;;) {
    const socket = connect(port, address);
    try {
      await once(socket, "connect");
      return socket;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const [own, bytes, ...addresses] = process.argv.slice(2) as [string, string, ...string[]];
const index = Number(own);
const each = Math.ceil(Number(bytes) / (addresses.length - 1));
// Those behind in the list connect.
const sockets: Socket[] = [];
const server = createServer((socket) => sockets.push(socket));
server.listen(port);
for (const address of addresses.slice(0, index)) sockets.push(await connectTo(address));
while (sockets.length < addresses.length - 1) await new Promise((resolve) => setTimeout(resolve, 5));
server.close();

let left = exchanges * sockets.length;
let warm = 0;
const note = () => {
  left--;
  if (left === (exchanges - 1) * sockets.length) warm = performance.now();
};
await Promise.all(sockets.map((socket) => exchangeAll(socket, each, note)));
if (index === 0) console.log(JSON.stringify(((exchanges - 1) * Number(bytes) * 1000) / (performance.now() - warm)));
for (const socket of sockets) socket.end();
