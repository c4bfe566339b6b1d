// What workers do that do nothing.
export default function start(): () => number {
  return () => 0;
}
