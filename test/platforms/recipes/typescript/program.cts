import rmsprop = require("rmsprop");
import checkpoint = require("rmsprop/checkpoint");

const model = rmsprop.allocate({ w: [2, 3] });
const optimizer: rmsprop.RMSprop = new rmsprop.RMSprop(model.parameters, { lr: 0.5 });
optimizer.step();
checkpoint.saveCheckpoint("w.safetensors", { parameters: model.parameters, optimizer });
