// What a rule's state and options are in other systems.

/** A run of arrays, one for each variable. */
export interface Run {
  /** The slot in our names. */
  readonly slot: string;
  /** Whether the system has it with the other sign. */
  readonly negated?: boolean;
  /** Whether a state without it is one of zeros. */
  readonly optional?: boolean;
}

export type Options = Readonly<Record<string, unknown>>;

/** The runs that options make, or why the state means something else in that system. */
type Runs = (options: Options) => readonly Run[] | string;

/** Names of options, each with whether it says nothing in a group. */
export type Harmless = Readonly<Record<string, (group: Options) => boolean>>;

/** A place in a list of numbers that is one option in PyTorch. */
export interface Place {
  readonly list: string;
  readonly at: number;
}

export interface TorchRule {
  /** Its state, in our names; their names in PyTorch where that is not the same in its spelling. */
  readonly slots: Readonly<Record<string, string | true>>;
  /** Whether it counts steps. */
  readonly counts: boolean;
  /** Its options, in our names; their names in PyTorch, or their places in a list there, where that is another. */
  readonly options: Readonly<Record<string, string | true | Place>>;
  /** What it has beside them, which says how it runs and not what it computes. */
  readonly others: Readonly<Record<string, unknown>>;
  /** Presets after systems whose state means something else, though no other option tells. */
  readonly otherPresets?: readonly string[];
  /** Options of ours that PyTorch lacks and that say nothing of a state that is there, or matter with others alone. */
  readonly harmless?: Harmless;
}

/** A rule in other systems; one that is not there lacks it. */
export interface ConvertedRule {
  readonly torch?: TorchRule;
  readonly keras?: Runs;
  readonly tfjs?: Runs;
}

/** Options of PyTorch's optimizers that all have. */
export const torchCommon = { lr: true, weightDecay: true, maximize: true } as const;

/** What they all have beside options. */
export const torchRunning = { foreach: null, differentiable: false } as const;

export const hasMomentum = ({ momentum }: Options): boolean => typeof momentum === "number" && momentum > 0;

export const when = (there: unknown, run: Run): Run[] => (there ? [run] : []);
