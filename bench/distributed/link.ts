// The payload that a link carries, which is its limit: two machines send to each other over TCP at the same time, as in each half
// of a step. link.js serve | link.js measure ADDRESS BYTES: prints bytes a second and direction.
import { connect, createServer, type Socket } from "node:net";

const port = 29_500;
const piece = Buffer.alloc(1 << 18);

/** Sends and receives a number of bytes. */
async function exchange(socket: Socket, bytes: number): Promise<void> {
  let received = 0;
  const done = new Promise<void>((resolve) => {
    socket.on("data", (data) => {
      received += data.length;
      if (received >= bytes) resolve();
    });
  });
  for (let sent = 0; sent < bytes; sent += piece.length) {
    if (!socket.write(piece)) await new Promise((resolve) => socket.once("drain", resolve));
  }
  await done;
}

const [mode, address = "", bytes = "0"] = process.argv.slice(2);
if (mode === "serve") {
  const server = createServer((socket) => {
    socket.once("data", (first) => {
      void exchange(socket, Number(first.toString())).then(() => socket.end(() => server.close()));
    });
  });
  server.listen(port, () => console.log("ready"));
} else {
  const socket = connect(port, address, async () => {
    socket.write(String(bytes));
    await new Promise((resolve) => setTimeout(resolve, 200));
    const before = performance.now();
    await exchange(socket, Number(bytes));
    console.log(JSON.stringify((1000 * Number(bytes)) / (performance.now() - before)));
    socket.end();
  });
}
