// Where the tiles of staged steps over pieces of parameters lie in the table of tiles.

/** A whole parameter: norms are of whole ones, however many pieces they are stepped in, and where. */
export interface Whole {
  /** The run whose stages it takes. */
  readonly run: number;
  /** The tile of the table that its first one is; the others follow it. */
  readonly place: number;
  readonly tiles: number;
}

/** The whole parameter that one of a step's parameters is a piece of, and the tile of the table that its first one is. */
export interface Piece {
  readonly whole: number;
  readonly place: number;
}

export interface Layout {
  /** In the order in which sums are taken. */
  readonly wholes: readonly Whole[];
  /** For each parameter of the runs, in their order. */
  readonly pieces: readonly Piece[];
  /** The tiles of the table. Those of no whole parameter here count for nothing. */
  readonly tiles: number;
}

/** What the table says of a tile: of its gradients, and of the change that the rule made. */
export type Column = "gradSquares" | "nonFinite" | "clipped" | "updateSquares" | "largestUpdate";
