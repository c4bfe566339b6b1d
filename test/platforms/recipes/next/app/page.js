export default () => <p>rmsprop</p>;
