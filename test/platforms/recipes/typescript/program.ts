import { allocate, RMSprop } from "rmsprop";
import { saveCheckpoint } from "rmsprop/checkpoint";

const model = allocate({ w: [2, 3] });
const optimizer = new RMSprop(model.parameters, { lr: 0.5 });
optimizer.step();
saveCheckpoint("w.safetensors", { parameters: model.parameters, optimizer });
