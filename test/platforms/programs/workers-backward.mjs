// What the workers of workers.mjs do.
export default async function ({ params, grads, index, count, data }) {
  if (data === "no start") throw new RangeError("no start");
  return (work) => {
    if (data === "fails" && index === 1) {
      if (work === 0) throw new RangeError("thrown");
      if (work === 1) return Promise.reject(new RangeError("rejected"));
      if (work === 2) process.exit(3);
      if (work === 3) for (;;);
    }
    if (data === "empty") return undefined;
    for (let i = 0; i < params.w.length; i++) grads.w[i] = (params.w[i] - i) / (index + 3) + work / (count + i + 1);
    return params.w[0];
  };
}
