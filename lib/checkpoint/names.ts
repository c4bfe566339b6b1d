/** A slot or an option in PyTorch's spelling, `squareAvg` as `square_avg`, and back. */
export const torchName = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
export const ownName = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
