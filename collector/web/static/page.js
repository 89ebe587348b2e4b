// Charts, live updates: the page reads the same without this file.
"use strict";

(() => {
  const EVERY_MS = 1000; // a report takes up to 0.9 s: within two seconds of the kill it is here
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // The figures of the server's own table, so that there is one source for drawing and reading.
  const figures = (table) => {
    const at = [], killed = [], reported = [];
    for (const row of table.tBodies[0].rows) {
      at.push(Date.parse(row.querySelector("time").dateTime) / 1000);
      killed.push(Number(row.cells[1].textContent));
      reported.push(Number(row.cells[2].textContent));
    }
    return { at, killed, reported };
  };

  const draw = (place) => {
    const table = document.getElementById(place.dataset.chart);
    if (!table || !window.uPlot) return;
    const { at, killed, reported } = figures(table);
    if (at.length < 2) return;
    const total = killed.map((count, index) => count + reported[index]);
    const bars = uPlot.paths.bars({ size: [0.8, 60], align: 1 });
    const shown = (values) => (_plot, _value, _series, index) => (index == null ? "–" : values[index]);
    const axis = { stroke: color("--muted"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
    const series = (label, values, fill) =>
      ({ label, fill: color(fill), width: 0, paths: bars, points: { show: false }, value: shown(values) });
    const options = {
      width: place.clientWidth, height: 200, legend: { live: true },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      cursor: { drag: { x: false, y: false }, y: false },
      scales: {
        x: { range: () => [at[0], at[at.length - 1] + at[1] - at[0]] }, // a bar stands right of its time
        y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.05)] },
      },
      axes: [{ ...axis, values: (_plot, ticks, _axis, _space, step) => ticks.map((tick) => label(tick, step)) },
        { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000, 1000000] }],
      series: [{ label: "From", value: (_plot, value) => (value == null ? "–" : utc(value, 16)) },
        series("Reported only", reported, "--reported"), series("Killed", killed, "--killed")],
    };
    place.replaceChildren();
    place.plot?.destroy();
    place.plot = new uPlot(options, [at, total, killed], place);
    place.plot.root.setAttribute("aria-hidden", "true"); // the table has the figures
  };

  const utc = (seconds, length) => new Date(seconds * 1000).toISOString().replace("T", " ").slice(0, length);
  const label = (seconds, step) => (step >= 86400 ? utc(seconds, 10).slice(5) : seconds % 86400 ? utc(seconds, 16).slice(11) : utc(seconds, 10).slice(5));
  const drawAll = () => document.querySelectorAll("[data-chart]").forEach(draw);

  // Live: asked for by a timer, not by htmx's own, since its conditions would need eval.
  let live = true;
  const offerPause = () => {
    const head = document.querySelector("[data-live] h2");
    if (!head || head.parentElement.querySelector(".live")) return;
    const button = document.createElement("button");
    button.className = "quiet live";
    button.type = "button";
    button.id = "live";
    button.setAttribute("aria-pressed", String(live));
    button.textContent = "Live";
    button.title = "New violations appear by themselves";
    button.addEventListener("click", () => {
      live = !live;
      button.setAttribute("aria-pressed", String(live));
    });
    head.after(button);
  };
  const isRead = (section) => section.querySelector("details[open]") || section.contains(document.activeElement) && document.activeElement.id !== "live";
  const tick = () => {
    const section = document.querySelector("[data-live]");
    if (section && live && !document.hidden && !isRead(section)) htmx.trigger(section, "refresh");
  };

  const start = () => { drawAll(); offerPause(); };
  let resizing;
  window.addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(drawAll, 200); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  document.body.addEventListener("htmx:afterSettle", start);
  setInterval(tick, EVERY_MS);
  start();
  document.querySelector("[data-follow]")?.click(); // after a login elsewhere
})();
