import { backend, RMSprop } from "rmsprop";

export const dynamic = "force-dynamic";

export function GET() {
  const w = { name: "w", data: Float32Array.of(1), grad: Float32Array.of(1) };
  new RMSprop([w], { lr: 0.5, alpha: 0 }).step();
  return Response.json([backend.name, w.data[0]]);
}
