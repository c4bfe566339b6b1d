/** The middle of a list that is not empty; of two in the middle the larger. */
export const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] as number;
