export default {
  serverExternalPackages: ["rmsprop"],
};
