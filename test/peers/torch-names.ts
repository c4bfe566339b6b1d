/** Our names of PyTorch's options and slots, where they are not the same in our spelling; of a list its parts. */
export const names: Readonly<Record<string, string | readonly string[]>> = {
  initial_accumulator_value: "initialAccumulator",
  exp_avg: "gradAvg",
  exp_avg_sq: "squareAvg",
  max_exp_avg_sq: "maxSquareAvg",
  betas: ["beta1", "beta2"],
};
