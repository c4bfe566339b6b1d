// Trains a deep Q-network to catch balls: a network that says of each action which reward is to be expected after it,
// trained towards what a target network says, an older copy of it.
//
//     npm run example:tfjs -- dqn --optimizer builtin

import * as tf from "@tensorflow/tfjs";
import { createRMSProp } from "rmsprop/tfjs";
import { mulberry32 } from "../random.ts";
import { actionCount, Catch, stateLength } from "./catch.ts";
import { type Moves, Replay, rows } from "./replay.ts";
import { begin, exact } from "./shared.ts";

const gameCount = 16;
const batchSize = 64;
/** What a reward is worth a move earlier. */
const discount = 0.95;
const stepsBetweenCopies = 50;
const leastExploration = 0.05;

const run = await begin({ wasm: 1_000, cpu: 1_000 });
const random = mulberry32(1);
const games = Array.from({ length: gameCount }, () => new Catch(random));
const replay = new Replay(4_000);

const online = network();
const target = network();
target.setWeights(online.getWeights());
const optimizer = run.measured(
  run.builtin ? tf.train.rmsprop(2e-3, 0.95) : createRMSProp(tf, { learningRate: 2e-3, decay: 0.95 }),
);

const returns: number[] = [];
await run.train((step) => {
  if (step % stepsBetweenCopies === 0) target.setWeights(online.getWeights());
  // From chance alone to almost none of it over the first half of the steps.
  play(Math.max(1 - (2 * step) / run.steps, leastExploration));
  learn();
  return mean(returns.slice(-100));
}, "mean return of 100 balls");

returns.length = 0;
while (returns.length < 500) play(0);
const lastLoss = tf.tidy(() => {
  const moves = replay.draw(1_000, actionCount, random);
  return loss(moves, goalsOf(moves));
});
run.report(
  { "mean return of 500 balls": mean(returns).toFixed(3), "loss on 1,000 moves": exact(lastLoss) },
  online.getWeights(),
);

function network(): tf.Sequential {
  return tf.sequential({
    layers: [
      tf.layers.dense({
        inputShape: [stateLength],
        units: 64,
        activation: "relu",
        kernelInitializer: tf.initializers.heNormal({ seed: 1 }),
      }),
      tf.layers.dense({ units: actionCount, kernelInitializer: tf.initializers.glorotNormal({ seed: 2 }) }),
    ],
  });
}

/** Makes a move in each game, by chance or by the network. */
function play(exploration: number): void {
  const states = games.map((game) => game.state());
  const best = tf.tidy(() => (online.predict(rows(states)) as tf.Tensor2D).argMax(1).dataSync());
  games.forEach((game, i) => {
    const byChance = random() < exploration;
    const action = byChance ? Math.floor(random() * actionCount) : (best[i] as number);
    const { reward, over } = game.move(action);
    replay.add({ state: states[i] as Float32Array, action, reward, over, next: game.state() });
    if (over) returns.push(reward);
  });
}

/** Takes a step on a batch of remembered moves. */
function learn(): void {
  tf.tidy(() => {
    const moves = replay.draw(batchSize, actionCount, random);
    const goals = goalsOf(moves); // outside of what is minimized, or the step would be taken by the target network as well
    optimizer.minimize(() => loss(moves, goals));
  });
}

/** What each move's reward and the target network, of the state after it, let one expect. */
function goalsOf({ rewards, goesOn, nexts }: Moves): tf.Tensor1D {
  const after = (target.apply(nexts) as tf.Tensor2D).max<tf.Tensor1D>(1);
  return rewards.add(after.mul(goesOn).mul(discount));
}

/** The mean square of how far the network is from the goals. */
function loss({ states, actions }: Moves, goals: tf.Tensor1D): tf.Scalar {
  const expected = (online.apply(states) as tf.Tensor2D).mul(actions).sum(1);
  return expected.sub(goals).square().mean();
}

/** 0 of none. */
function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);
}
