// The exports that `rmsprop/distributed` has everywhere, beside connect().
export type { AnyTypedArray, BroadcastArrays } from "./arrays.ts";
export type { RanksLoadOptions, RanksSaveOptions } from "./checkpoint.ts";
export type { MpiLibrary, Ranks } from "./ranks.ts";
export type { GroupOptionsOf, OptimizerClass, ShardedInput, ShardOptions } from "./shard.ts";
export type { ShardedOptimizer } from "./sharded.ts";
export type { ConnectOptions } from "./timeout.ts";
