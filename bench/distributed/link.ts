// The payload that a link carries, which is its limit: two machines send to each other over TCP at the same time, as in each half
// of a step. link.js serve | link.js measure ADDRESS BYTES: prints bytes a second and direction, the most of some exchanges in a
// row: the first one finds out what the link takes.
import { connect, createServer, type Socket } from "node:net";

const port = 29_500;
const piece = Buffer.alloc(1 << 18);
const exchanges = 5;

/** Calls `ended` each time that so many more bytes have come and as many were sent. */
async function exchangeAll(socket: Socket, bytes: number, ended: () => void): Promise<void> {
  let received = 0;
  let wake = () => {};
  socket.on("data", (data) => {
    received += data.length;
    wake();
  });
  for (let i = 1; i <= exchanges; i++) {
    for (let sent = 0; sent < bytes; sent += piece.length) {
      if (socket.write(piece.subarray(0, bytes - sent))) continue;
      await new Promise((resolve) => socket.once("drain", resolve));
    }
    while (received < i * bytes) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    ended();
  }
}

const [mode, address = "", bytes = "0"] = process.argv.slice(2);
if (mode === "serve") {
  const server = createServer((socket) => {
    socket.once("data", (first) => {
      const given = Number(first.toString());
      void exchangeAll(socket, given, () => {}).then(() => socket.end(() => server.close()));
    });
  });
  server.listen(port, () => console.log("ready"));
} else {
  const socket = connect(port, address, async () => {
    socket.write(bytes);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const ends = [performance.now()];
    await exchangeAll(socket, Number(bytes), () => ends.push(performance.now()));
    const times = ends.slice(1).map((end, i) => end - (ends[i] as number));
    console.log(JSON.stringify((1000 * Number(bytes)) / Math.min(...times)));
    socket.end();
  });
}
