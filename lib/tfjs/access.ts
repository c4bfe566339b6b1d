// How the values of tensors are read and written on each of TensorFlow.js's backends.
import { OptimError } from "../errors.ts";
import { typedArrayName } from "../numbers/typed-array.ts";
import { sizeOf } from "../parameters/shape.ts";
import { show } from "../values/show.ts";
import type { KernelBackend, Tensor, TensorFlow, Variable } from "./tensorflow.ts";

/** A tensor that a step is to write. */
export interface Output {
  /** The array to write. */
  view(): Float32Array;
  /** The tensor with what was written. */
  tensor(): Tensor;
  dispose(): void;
}

/** One backend's tensors. Views hold until the backend allocates: it may move its memory then. */
export interface Access {
  /** Brings a tensor's values to this backend, which may allocate. */
  prepare(tensor: Tensor): void;
  /** The values of a prepared tensor: its own memory, or a copy. */
  view(tensor: Tensor): Float32Array;
  /** Whether a view of a prepared variable may be written in its place: then nobody else has its memory. */
  isOwn(variable: Variable): boolean;
  /** A tensor of a shape. This allocates. */
  output(shape: readonly number[]): Output;
  /** Tells the backend that a variable was written in its place. */
  written(variable: Variable): void;
  /** Whether views of tensors of different data never overlap. Programs give the arrays of the cpu backend. */
  readonly isApart: boolean;
  /** Whether variables are written in their place unless a program asks for new tensors. */
  readonly inPlace: boolean;
}

/** The parts of the backend `cpu` that are used. Its `readSync` gives the array itself. */
interface CpuBackend extends KernelBackend {
  readSync(dataId: object): Float32Array;
  makeTensorInfo(shape: readonly number[], dtype: "float32", values: Float32Array): never;
}

/** The parts of the backend `wasm` that are used, some of them not of its public interface: the probe looks for those. */
interface WasmBackend extends KernelBackend {
  readonly wasm: {
    readonly tfjs: {
      disposeData(id: number): void;
      registerTensor(id: number, size: number, memoryOffset: number): void;
    };
  };
  readonly dataIdMap: { get(dataId: object): { readonly id: number; readonly memoryOffset: number } };
  typedArrayFromHeap(tensor: Tensor): Float32Array;
  makeOutput(shape: readonly number[], dtype: "float32"): never;
}

/**
 * An array's values as float32. A float32 tensor that was cast may still hold the int32 array that it was cast from: those
 * are copied.
 */
const floats = (array: Float32Array) =>
  typedArrayName(array) === "Float32Array" ? array : Float32Array.from(array as Iterable<number>);

/** A tensor of the backend as an output. */
const outputOf = (tensor: Tensor, access: Pick<Access, "view">): Output => ({
  view: () => access.view(tensor),
  tensor: () => tensor,
  dispose: () => tensor.dispose(),
});

/**
 * The cpu backend. It hands out its arrays, and takes those that tensors are made from, and counts neither. So nobody
 * can know whether a variable's array is a program's too, and a step writes new arrays unless it is told otherwise.
 */
function cpuAccess(tf: TensorFlow, backend: CpuBackend): Access {
  const read = (tensor: Tensor) => backend.readSync(tensor.dataId);
  const access: Access = {
    prepare: read,
    view: (tensor) => floats(read(tensor)),
    isOwn: (variable) => backend.refCount(variable.dataId) === 1 && typedArrayName(read(variable)) === "Float32Array",
    output(shape) {
      const info = backend.makeTensorInfo(shape, "float32", new Float32Array(sizeOf(shape)));
      return outputOf(tf.engine().makeTensorFromTensorInfo(info, backend), access);
    },
    written: () => {},
    isApart: false,
    inPlace: false,
  };
  return access;
}

/**
 * The wasm backend, whose memory nobody sees but by `typedArrayFromHeap`. It keeps matrices packed for the operators that
 * multiply by them, by the number of the tensor: what is written in its place has to be registered anew.
 */
function wasmAccess(tf: TensorFlow, backend: WasmBackend): Access {
  const access: Access = {
    prepare: ({ dataId }) => void backend.dataIdMap.get(dataId),
    view: (tensor) => backend.typedArrayFromHeap(tensor),
    isOwn: ({ dataId }) => backend.refCount(dataId) === 1,
    output: (shape) =>
      outputOf(tf.engine().makeTensorFromTensorInfo(backend.makeOutput(shape, "float32"), backend), access),
    written({ dataId, size }) {
      const { id, memoryOffset } = backend.dataIdMap.get(dataId);
      backend.wasm.tfjs.disposeData(id); // frees no memory of the tensor
      backend.wasm.tfjs.registerTensor(id, size, memoryOffset);
    },
    isApart: true,
    inPlace: true,
  };
  return access;
}

/** Another backend, with synchronous reads: values come and go as copies. */
function copyAccess(tf: TensorFlow, backend: KernelBackend): Access {
  return {
    prepare: () => {},
    view: ({ dataId }) => floats(backend.readSync(dataId) as Float32Array),
    isOwn: () => false,
    output(shape) {
      const array = new Float32Array(sizeOf(shape));
      return { view: () => array, tensor: () => tf.tensor(array, [...shape], "float32"), dispose: () => {} };
    },
    written: () => {},
    isApart: true,
    inPlace: false,
  };
}

/**
 * Whether the wasm backend multiplies by what is written into a matrix in its place. A step asks by a matrix of its own,
 * because the functions that it needs for that are not of the public interface and another version may do otherwise.
 */
function canWriteInPlace(tf: TensorFlow, access: Access): boolean {
  return tf.tidy(() => {
    try {
      const [ones, initial] = [tf.ones([2, 2]), tf.ones([2, 2])];
      const matrix = initial as Variable;
      const before = tf.matMul(ones as never, matrix as never).dataSync()[0];
      access.view(matrix).fill(2);
      access.written(matrix);
      return before === 2 && tf.matMul(ones as never, matrix as never).dataSync()[0] === 4;
    } catch {
      return false; // whatever it is that this version lacks: new tensors are right on every one
    }
  });
}

const known = new WeakMap<KernelBackend, Access>();

/**
 * Access to the tensors of the backend in use.
 * @throws OptimError ERR_OPTION where its values are on a GPU.
 */
export function accessOf(tf: TensorFlow): Access {
  const { backend, backendName } = tf.engine();
  const found = known.get(backend);
  if (found) return found;
  const made = makeAccess(tf, backend, backendName);
  known.set(backend, made);
  return made;
}

function makeAccess(tf: TensorFlow, backend: KernelBackend, name: string): Access {
  if (/^web(gl|gpu)/.test(name)) {
    throw new OptimError(
      "ERR_OPTION",
      `Expected TensorFlow.js to run on its wasm or cpu backend, but it runs on ${show(name)}, whose values are on the ` +
        "GPU: a step would have to fetch them all. Use TensorFlow.js's own optimizer there, or tf.setBackend.",
    );
  }
  if (name === "cpu") return cpuAccess(tf, backend as CpuBackend);
  if (name !== "wasm") return copyAccess(tf, backend);
  const access = wasmAccess(tf, backend as WasmBackend);
  return canWriteInPlace(tf, access) ? access : { ...access, isOwn: () => false, inPlace: false };
}
