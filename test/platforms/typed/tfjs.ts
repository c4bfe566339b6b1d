// What a program with TensorFlow.js asks of the types. It is compiled where both are installed.
import * as tf from "@tensorflow/tfjs";
import { createAdam, createMomentum, createRMSProp, register } from "rmsprop/tfjs";

const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [8] })] });
model.compile({ optimizer: createRMSProp(tf, { learningRate: 0.02, decay: 0.95 }), loss: "meanSquaredError" });

const optimizer = createMomentum(tf, { learningRate: (step) => 1 / step, momentum: 0.9, clipGlobalNorm: 1 });
const variable: tf.Variable = tf.variable(tf.ones([3]));
const cost: tf.Scalar | null = optimizer.minimize(() => variable.square().sum().asScalar(), true, [variable]);
optimizer.setMomentum(0.5);
optimizer.learningRate = 0.1;
const rate: number = optimizer.learningRate;
const any: tf.Optimizer[] = [optimizer, createAdam(tf)];
register(tf);

// @ts-expect-error A learning rate is a number, a function or a schedule.
createRMSProp(tf, { learningRate: "0.02" });
// @ts-expect-error TensorFlow.js's name is learningRate.
createRMSProp(tf, { lr: 0.02 });
// @ts-expect-error An optimizer is no string: types that were not found would be any.
export const wrong: string = createAdam(tf);

export { any, cost, rate };
