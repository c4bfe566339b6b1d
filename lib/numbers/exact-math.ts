/**
 * What has the same bits on every runtime, unlike the functions of Math: built of + - * / alone. The build puts the packages
 * that this file imports into it (scripts/bundle.js), so that an installed package depends on none of them.
 */
import kernelCos from "@stdlib/math-base-special-kernel-cos";
import kernelSin from "@stdlib/math-base-special-kernel-sin";

/**
 * cos(π · x) for x from 0 to 1, within one unit in the last place of 1; exact at 0, 1/2 and 1. The kernels are FreeBSD's
 * msun's, for arguments up to π/4; the differences that bring x there are exact.
 */
export function cosPi(x: number): number {
  if (x <= 0.25) return kernelCos(Math.PI * x, 0);
  if (x < 0.75) return kernelSin(Math.PI * (0.5 - x), 0);
  return -kernelCos(Math.PI * (1 - x), 0);
}
