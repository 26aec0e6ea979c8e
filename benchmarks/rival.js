// A workload on aws-local-stepfunctions (in memory, no history): prints a line of JSON with the seconds of each run.
// node rival.js FOLDER RUNS < workload.json, where FOLDER/node_modules holds the package.
const path = require("path");

Promise.withResolvers ??= function () { // the package needs it; node has it from version 22 on
  const out = {};
  out.promise = new Promise((resolve, reject) => Object.assign(out, { resolve, reject }));
  return out;
};

const [, , folder, runs] = process.argv;
const { StateMachine } = require(path.join(folder, "node_modules", "aws-local-stepfunctions"));
const work = JSON.parse(require("fs").readFileSync(0, "utf8"));
const functions = {
  inc: async (n) => n + 1,
  add: async (event) => event.a + event.b,
  sleep50: (n) => new Promise((resolve) => setTimeout(() => resolve(n), 50)),
};
const handlers = {};
(function look(machine) {
  for (const [name, state] of Object.entries(machine.States)) {
    if (state.Type === "Task") handlers[name] = functions[state.Resource.split(":").pop()];
    if (state.ItemProcessor) look(state.ItemProcessor);
    (state.Branches || []).forEach(look);
  }
})(work.definition);

(async () => {
  const machine = new StateMachine(work.definition, { validationOptions: { checkArn: false } });
  const start = () => machine.run(work.input, { overrides: { taskResourceLocalHandlers: handlers } }).result;
  const wanted = JSON.stringify(work.output);
  const seconds = [];
  for (let n = 0; n < Number(runs); n++) {
    const begun = performance.now();
    const outputs = await Promise.all(Array.from({ length: work.at_once }, start));
    seconds.push((performance.now() - begun) / 1000);
    if (outputs.some((output) => JSON.stringify(output) !== wanted)) throw new Error(work.name + ": wrong output");
  }
  console.log(JSON.stringify({ seconds, peak_mb: process.resourceUsage().maxRSS / 1024 }));
})();
