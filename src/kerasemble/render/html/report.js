"use strict";
(() => {
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const named = () => { 
    theme.textContent = isDark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", `${theme.textContent} theme`);
  };
  theme.hidden = false;
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    named();
  });
  named();
  // On paper everything is open, and afterwards as it was.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((each) => { each.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((each) => { each.open = false; }));
  // Only what scrolls is a stop of the tabulator key.
  const sizes = new ResizeObserver((seen) => seen.forEach(({ target }) => {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }));
  document.querySelectorAll(".scroll").forEach((each) => sizes.observe(each));

  const holder = document.getElementById("trial-data");
  if (!holder) return;
  const { members, rows, classes, values, labels, fitted, rule: fittedRule, bins, width, height } = JSON.parse(holder.textContent);
  const bytes = Uint8Array.from(atob(values), (each) => each.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  // Probabilities as they were written, each row divided by its sum; and their logarithms, none below 2^-24.
  const table = members.map((_, member) => {
    const own = new Float64Array(rows * classes);
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let k = 0; k < classes; k++) sum += view.getUint16(2 * ((member * rows + row) * classes + k), true);
      for (let k = 0; k < classes; k++) own[row * classes + k] = view.getUint16(2 * ((member * rows + row) * classes + k), true) / sum;
    }
    return own;
  });
  const CLIP = 2 ** -24;
  const logs = table.map((own) => own.map((each) => Math.log(Math.max(each, CLIP))));

  const sliders = members.map((name, index) => {
    const row = document.createElement("div");
    row.className = "row weight";
    const label = Object.assign(document.createElement("label"), { htmlFor: `weight-${index}`, textContent: name });
    const input = Object.assign(document.createElement("input"), { type: "range", id: `weight-${index}`, min: "0", max: "1", step: "0.01", value: "0.5" });
    const shown = Object.assign(document.createElement("output"), { htmlFor: `weight-${index}` });
    shown.setAttribute("aria-live", "off");
    row.append(label, input, shown);
    document.getElementById("slider-rows").append(row);
    input.addEventListener("input", update);
    return { input, shown };
  });
  const rule = document.getElementById("rule");
  rule.addEventListener("input", update);

  function set(weights) {
    const most = Math.max(1, ...weights);
    sliders.forEach(({ input }, index) => { input.max = String(most); input.value = String(weights[index]); });
    update();
  }

  function combined(weights) {
    const geometric = rule.value === "geometric";
    const result = new Float64Array(rows * classes);
    (geometric ? logs : table).forEach((own, member) => {
      if (weights[member]) for (let i = 0; i < result.length; i++) result[i] += weights[member] * own[i];
    });
    for (let row = 0; row < rows; row++) {
      const own = result.subarray(row * classes, (row + 1) * classes);
      if (geometric) {
        const most = Math.max(...own);
        for (let k = 0; k < classes; k++) own[k] = Math.exp(own[k] - most);
      }
      const sum = own.reduce((a, b) => a + b, 0);
      for (let k = 0; k < classes; k++) own[k] /= sum;
    }
    return result;
  }

  // Bins of equally many rows by confidence, in which equal ones share a bin, as where the middle of them falls.
  function inBins(confidence) {
    const order = [...confidence.keys()].sort((a, b) => confidence[a] - confidence[b]);
    const found = new Map();
    for (let start = 0; start < rows;) {
      let stop = start + 1;
      while (stop < rows && confidence[order[stop]] === confidence[order[start]]) stop++;
      const bin = Math.min(bins - 1, Math.floor((bins * (start + stop) / 2) / rows));
      found.set(bin, [...(found.get(bin) || []), ...order.slice(start, stop)]);
      start = stop;
    }
    return [...found.values()];
  }

  function update() {
    const weights = sliders.map(({ input }) => Number(input.value));
    sliders.forEach(({ shown }, index) => { shown.value = weights[index].toFixed(2); });
    const [accuracy, loss, error, note] = ["live-accuracy", "live-loss", "live-error", "live-note"].map((id) => document.getElementById(id));
    if (!weights.some((each) => each > 0)) {
      [accuracy, loss, error].forEach((each) => { each.value = "-"; });
      note.textContent = "All weights are zero: there is nothing to combine.";
      return;
    }
    const sum = weights.reduce((a, b) => a + b, 0);
    note.textContent = rule.value === "geometric"
      ? `The weights sum to ${sum.toFixed(2)}: above 1, answers become more confident; below 1, less.`
      : "Only the ratios of the weights matter.";
    const answers = combined(weights);
    const confidence = new Float64Array(rows);
    const right = new Float64Array(rows);
    let total = 0;
    for (let row = 0; row < rows; row++) {
      const own = answers.subarray(row * classes, (row + 1) * classes);
      const most = Math.max(...own);
      const ties = own.reduce((count, each) => count + (each === most), 0);
      confidence[row] = most;
      right[row] = own[labels[row]] === most ? 1 / ties : 0;
      total -= Math.log(Math.max(own[labels[row]], CLIP));
    }
    accuracy.value = `${(100 * right.reduce((a, b) => a + b, 0) / rows).toFixed(2)} %`;
    loss.value = (total / rows).toFixed(4);
    let distance = 0;
    const marks = inBins(confidence).map((bin) => {
      const sure = bin.reduce((sum, row) => sum + confidence[row], 0);
      const hit = bin.reduce((sum, row) => sum + right[row], 0);
      distance += Math.abs(sure - hit);
      return [sure / bin.length, hit / bin.length];
    });
    error.value = (distance / rows).toFixed(4);
    for (let index = 0; index < bins; index++) {
      const mark = document.getElementById(`live-mark-${index}`);
      const [x, y] = marks[index] || [0, 0];
      mark.style.display = index < marks.length ? "" : "none";
      mark.setAttribute("transform", `translate(${(x * width).toFixed(2)} ${(-y * height).toFixed(2)})`);
    }
  }

  document.getElementById("equal").addEventListener("click", () => set(members.map(() => 0.5)));
  const button = document.getElementById("fitted");
  const setFitted = () => { rule.value = fittedRule; set(fitted); };
  if (button) button.addEventListener("click", setFitted);
  document.getElementById("trial").hidden = false;
  if (fitted) setFitted();
  else update();
  // What it was at first stands beside what it is now.
  ["accuracy", "loss", "error"].forEach((name) => {
    const start = document.getElementById(`live-${name}`).value;
    document.getElementById(`first-${name}`).textContent = `${fitted ? "fitted" : "equal"} ${start}`;
  });
})();
