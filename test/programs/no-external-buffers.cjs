// Loaded before a program: the add-on as it is where a runtime forbids buffers over memory that is not its own, as Electron
// does.
require(process.env.RMSPROP_TEST_BINDING).allocate = () => undefined;
