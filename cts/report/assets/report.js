"use strict";
// Draws the plots that the page's data describes (cts/report/plot.py). Nothing here makes markup out of data.
(() => {
  const AXIS = 52, PHONE = 560, PAPER = 640, TICK = 9;
  const root = document.documentElement;
  const plots = JSON.parse(document.getElementById("plots").textContent);
  const groups = new Map();  // name -> {charts, limits}
  const charts = [];
  let colours = {};

  const colour = (name) => {
    if (!(name in colours)) colours[name] = getComputedStyle(root).getPropertyValue("--" + name).trim();
    return colours[name];
  };
  const faint = (name, share) => {
    const context = faint.context ??= document.createElement("canvas").getContext("2d");
    context.fillStyle = colour(name);
    const hex = context.fillStyle;  // the browser writes every opaque colour as #rrggbb
    return hex + Math.round(share * 255).toString(16).padStart(2, "0");
  };
  const number = (value) => {
    if (value === 0) return "0";
    const size = Math.abs(value);
    return value.toLocaleString("en", { maximumFractionDigits: size >= 100 ? 1 : size >= 1 ? 3 : 5 });
  };
  const percent = (nines) => {
    const beyond = 10 ** -nines;
    return +(100 * (1 - beyond)).toFixed(Math.max(0, Math.ceil(nines) - 1 + (nines % 1 ? 1 : 0))) + " %";
  };

  // Paths: uPlot asks for one Path2D or two for each series and keeps it until data or scales change.
  const shapes = {
    step: uPlot.paths.stepped({ align: 1 }),
    none: () => null,
    span: (u, at, first, last) => {
      const path = new Path2D(), [xs, high, low] = [u.data[0], u.data[at], u.data[at + 1]];
      const ratio = uPlot.pxRatio, { left, width } = u.bbox;
      const wide = Math.max(2 * ratio, Math.min(6 * ratio, width / Math.max(1, last - first) * 0.8));
      const least = 2 * ratio;
      for (let i = first; i <= last; i++) {
        if (high[i] == null || low[i] == null) continue;
        const x = u.valToPos(xs[i], "x", true);
        if (x < left - wide || x > left + width + wide) continue;
        const [top, bottom] = [u.valToPos(high[i], "y", true), u.valToPos(low[i], "y", true)];
        const tall = Math.max(least, bottom - top);
        path.rect(x - wide / 2, (top + bottom - tall) / 2, wide, tall);
      }
      return { fill: path, stroke: null, flags: 0 };
    },
    rug: (u, at, first, last) => {
      const path = new Path2D(), [xs, values] = [u.data[0], u.data[at]];
      const ratio = uPlot.pxRatio, { left, width, top, height } = u.bbox;
      const wide = Math.max(1.5 * ratio, Math.min(6 * ratio, width / Math.max(1, last - first) * 0.8));
      for (let i = first; i <= last; i++) {
        if (!values[i]) continue;
        const x = u.valToPos(xs[i], "x", true);
        if (x >= left - wide && x <= left + width + wide) path.rect(x - wide / 2, top + height - TICK * ratio, wide, TICK * ratio);
      }
      return { fill: path, stroke: null, flags: 0 };
    },
  };

  // uPlot's own bars are all as wide as the narrowest window. These reach from where each window begins to where it ends.
  const bars = (plot) => (u, at, first, last) => {
    const path = new Path2D(), values = u.data[at], { left, width } = u.bbox;
    const bottom = u.valToPos(0, "y", true);
    // One more on either side: its middle may be out of sight, and a part of it in sight.
    for (let i = Math.max(0, first - 1); i <= Math.min(values.length - 1, last + 1); i++) {
      if (values[i] == null) continue;
      const [from, to] = extent(u, plot, i);
      const [begin, end] = [Math.max(left, from), Math.min(left + width, to)];
      const top = u.valToPos(values[i], "y", true);
      if (begin < end) path.rect(begin, top, end - begin, bottom - top);
    }
    return { fill: path, stroke: null, flags: 0 };
  };
  // From where to where a window is painted: windows that are wide enough stand apart from each other.
  const extent = (u, plot, index) => {
    const [from, to] = [0, 1].map((end) => Math.round(u.valToPos(plot.edges[index + end], "x", true)));
    return [from, to - (to - from > 6 * uPlot.pxRatio ? Math.ceil(uPlot.pxRatio) : 0)];
  };

  // A plot's tables become one: uPlot has one x for all series.
  const columns = (plot) => {
    const tables = plot.tables.map((table) => {
      const curves = table.curves.flatMap((curve) => (curve.low ? [curve.values, curve.low] : [curve.values]));
      return [table.x, ...(curves.length ? curves : [table.x.map(() => null)])];
    });
    return tables.length === 1 ? tables[0] : uPlot.join(tables);
  };

  const told = (plot, curve) => (u, value, at, index) => {
    if (index == null) return "–";
    const shown = curve.told ? curve.told[index] : value;
    if (shown == null) return "–";
    if (curve.draw === "rug") return number(shown);
    const unit = plot.unit ? " " + plot.unit : "";
    const low = curve.low && u.data[at + 1][index];
    return low != null && low !== value ? number(low) + " … " + number(shown) + unit : number(shown) + unit;
  };

  const series = (plot) => {
    const made = [{ label: { time: "time", percentile: "share", depth: "buffer" }[plot.x], value: (u, x) => x == null ? "–" : described(plot, x) }];
    for (const curve of plot.tables.flatMap((table) => table.curves)) {
      const solid = ["bars", "span", "rug"].includes(curve.draw);
      const one = {
        label: curve.label,
        value: told(plot, curve),
        paths: curve.draw === "bars" ? bars(plot) : shapes[curve.draw],
        scale: curve.draw === "rug" ? "rug" : "y",
        points: { show: curve.draw === "line" || curve.draw === "band" ? undefined : false, size: 4 },
        stroke: () => colour(curve.colour),
        width: solid ? 0 : 1.5,
        dash: curve.dashed ? [5, 4] : undefined,
        fill: solid ? () => colour(curve.colour) : undefined,
      };
      made.push(one);
      if (curve.low) made.push({ label: "", class: "hidden", paths: curve.draw === "span" ? shapes.none : undefined, points: { show: false }, width: 1, stroke: curve.draw === "span" ? undefined : () => faint(curve.colour, 0.5) });
    }
    if (made.length === 1) made.push({ label: "", class: "hidden", paths: shapes.none, points: { show: false } });
    return made;
  };

  const bands = (plot) => {
    const found = [];
    let at = 1;
    for (const curve of plot.tables.flatMap((table) => table.curves)) {
      if (curve.draw === "band" && curve.low) found.push({ series: [at, at + 1], fill: () => faint(curve.colour, 0.22) });
      at += curve.low ? 2 : 1;
    }
    return found;
  };

  const described = (plot, x) =>
    plot.x === "percentile" ? percent(x) : number(x) + (plot.x === "time" ? " s" : " ms");

  const yRange = (plot) => (u, least, greatest) => {
    if (least == null) return [0, plot.top ?? 1];
    let low = Math.min(0, least), high = Math.max(greatest, plot.top ?? 0);
    const room = (high - low || 1) * 0.06;
    if (plot.whole == null || high < plot.whole) high += room;
    if (low < 0) low -= room;
    if (plot.whole != null) high = Math.min(high, plot.whole);
    if (plot.tables.some((table) => table.curves.some((curve) => curve.draw === "rug"))) low -= room * 2;
    return [low, high];
  };

  const NINES = [0, 0.30103, 1, 1.30103, 2, 3, 4, 5, 6];
  const axes = (plot, narrow) => {
    const look = { stroke: () => colour("quiet"), grid: { stroke: () => colour("grid"), width: 1 }, ticks: { stroke: () => colour("grid"), width: 1, size: 5 }, font: "12px system-ui, sans-serif" };
    const x = { ...look, space: narrow ? 60 : 80, size: 34 };
    x.values = (u, splits) => splits.map((split) => described(plot, split));
    if (plot.x === "percentile") x.splits = (u, at, least, greatest) => NINES.filter((nine) => nine >= least && nine <= greatest && !(narrow && (nine === 0 || nine === 1.30103)));
    const y = { ...look, size: AXIS };
    y.values = (u, splits) => splits.map(number);
    if (plot.rows.length) {
      y.splits = () => plot.rows.map((row, at) => at + 0.5);
      y.values = (u, splits) => splits.map((split) => plot.rows[Math.round(split - 0.5)].label.replace("stream ", "#"));
      y.grid = { show: false };
      y.ticks = { show: false };
    }
    return [x, y];
  };

  const drawRows = (plot) => (u) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    plot.rows.forEach((row, at) => {
      const top = u.valToPos(at + 0.08, "y", true), tall = u.valToPos(at + 0.92, "y", true) - top;
      row.values.forEach((value, index) => {
        if (value == null) return;
        const [left, right] = extent(u, plot, index);
        ctx.fillStyle = value > 0 ? colour("dropped") : colour("completed");
        ctx.globalAlpha = value > 0 ? 0.35 + 0.65 * value : 0.55;
        ctx.fillRect(left, top, right - left, tall);
      });
    });
    ctx.restore();
  };

  const drawMarks = (plot) => (u) => {
    const { ctx, bbox } = u, ratio = uPlot.pxRatio;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colour("ink");
    ctx.lineWidth = ratio;
    ctx.font = 12 * ratio + "px system-ui, sans-serif";
    plot.marks.forEach((mark, at) => {
      const x = u.valToPos(mark.x, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) return;
      ctx.setLineDash([4 * ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const left = x > bbox.left + bbox.width * 0.6;
      ctx.textAlign = left ? "right" : "left";
      ctx.fillText(mark.label, x + (left ? -5 : 5) * ratio, bbox.top + bbox.height - (8 + 16 * at) * ratio);
    });
    ctx.restore();
  };

  // Zoom: what one plot of a group shows, all of them show.
  const zoom = (group, least, greatest) => {
    const [first, last] = group.limits;
    group.now = least == null || greatest - least <= 0 ? [first, last] : [Math.max(first, least), Math.min(last, greatest)];
    for (const chart of group.charts) {
      chart.setScale("x", { min: group.now[0], max: group.now[1] });
      if (chart.plot.group) chart.place.dataset.zoom = group.now.join(" ");
    }
    const button = document.querySelector(`[data-whole="${group.name}"]`);
    if (button) button.disabled = group.now[0] === first && group.now[1] === last;
  };

  const touchZoom = (u, group) => {
    let from = null;
    u.over.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch" && event.isPrimary) from = event.offsetX;
    });
    u.over.addEventListener("pointermove", (event) => {
      if (from === null || event.pointerType !== "touch") return;
      const left = Math.min(from, event.offsetX);
      u.setSelect({ left, top: 0, width: Math.abs(event.offsetX - from), height: u.over.clientHeight }, false);
    });
    const end = (event) => {
      if (from === null || event.pointerType !== "touch") return;
      const [left, right] = [Math.min(from, event.offsetX), Math.max(from, event.offsetX)];
      from = null;
      u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      if (event.type === "pointerup" && right - left > 12) zoom(group, u.posToVal(left, "x"), u.posToVal(right, "x"));
    };
    u.over.addEventListener("pointerup", end);
    u.over.addEventListener("pointercancel", end);
  };

  const tall = (plot, width) => {
    if (plot.rows.length) return Math.max(120, plot.rows.length * 16 + 60);
    return plot.x === "time" ? (width < PHONE ? 200 : 220) : 280;
  };

  const make = (plot) => {
    const place = document.getElementById("plot-" + plot.key);
    const width = place.clientWidth, data = columns(plot);
    const xs = data[0], limits = plot.limits ?? [Math.min(0, xs[0] ?? 0), xs[xs.length - 1] ?? 1];
    const name = plot.group ?? plot.key;
    if (!groups.has(name)) groups.set(name, { name, limits, now: limits, charts: [] });
    const group = groups.get(name);
    const hooks = {
      setScale: [(u, key) => {
        // Told some time after it was set: what the group shows by now is no news.
        const { min, max } = u.scales.x;
        if (key === "x" && (min !== group.now[0] || max !== group.now[1])) zoom(group, min, max);
      }],
    };
    if (plot.rows.length) hooks.draw = [drawRows(plot)];
    if (plot.marks.length) hooks.draw = [drawMarks(plot)];
    const chart = new uPlot({
      width, height: tall(plot, width), hooks, bands: bands(plot),
      padding: [12, 28, 0, 0],
      series: series(plot),
      axes: axes(plot, width < PHONE),
      scales: {
        x: { time: false, auto: false, min: limits[0], max: limits[1] },
        y: plot.rows.length ? { auto: false, dir: -1, range: [0, plot.rows.length] } : { range: yRange(plot) },
        rug: { range: [0, 1] },
      },
      cursor: {
        y: false,
        drag: { x: true, y: false, dist: 5 },
        sync: { key: name, setSeries: false, scales: ["x", null], filters: { pub: (type) => type === "mousemove" || type === "mouseleave" || type === "mouseenter" } },
        points: { size: 7 },
        bind: { dblclick: () => () => zoom(group) },
      },
      legend: { show: !plot.rows.length, live: true },
    }, data, place);
    Object.assign(chart, { plot, place });
    group.charts.push(chart);
    charts.push(chart);
    if (plot.group) place.dataset.zoom = limits.join(" ");
    touchZoom(chart, group);
    place.dataset.drawn = "yes";
    document.querySelector(`[data-save="${plot.key}"]`).hidden = false;
    new ResizeObserver(() => {
      const now = place.clientWidth;
      if (now > 0 && now !== chart.width) chart.setSize({ width: now, height: tall(plot, now) });
    }).observe(place);
  };

  // A picture as a file: its title, what is drawn, and what its colours mean, on the theme's own ground.
  const entries = (plot) => plot.rows.length ? [] : plot.tables.flatMap((table) => table.curves).filter((curve) => curve.label);
  const picture = (chart) => {
    const drawn = chart.ctx.canvas, ratio = uPlot.pxRatio, [edge, line] = [16 * ratio, 22 * ratio];
    const canvas = document.createElement("canvas"), context = canvas.getContext("2d");
    const font = (weight, size) => weight + " " + size * ratio + "px system-ui, sans-serif";
    const title = document.getElementById(chart.plot.key + "-title").firstChild.textContent.trim();
    const run = chart.place.closest("section").querySelector("h2")?.textContent ?? document.title.replace(/^cts report: /, "");
    const heading = title + (chart.plot.unit ? " (" + chart.plot.unit + ")" : "") + ", " + run;
    context.font = font(400, 12);
    let [x, row] = [0, 0];
    const legend = entries(chart.plot).map((curve) => {
      const wide = context.measureText(curve.label).width + 34 * ratio;
      if (x > 0 && x + wide > drawn.width) [x, row] = [0, row + 1];
      const place = { curve, x: edge + x, row };
      x += wide;
      return place;
    });
    const [top, rows] = [edge + line + 6 * ratio, legend.length ? row + 1 : 0];
    canvas.width = drawn.width + 2 * edge;
    canvas.height = top + drawn.height + rows * line + edge;
    context.fillStyle = colour("card");
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.textBaseline = "middle";
    context.fillStyle = colour("ink");
    context.font = font(600, 15);
    context.fillText(heading, edge, edge + line / 2, drawn.width);
    context.drawImage(drawn, edge, top);
    context.font = font(400, 12);
    for (const { curve, x, row } of legend) {
      const middle = top + drawn.height + (row + 0.5) * line;
      context.fillStyle = colour(curve.colour);
      context.fillRect(x, middle - 5 * ratio, 10 * ratio, 10 * ratio);
      context.fillStyle = colour("ink");
      context.fillText(curve.label, x + 16 * ratio, middle);
    }
    return canvas;
  };
  const save = (chart) => picture(chart).toBlob((blob) => {
    const link = document.createElement("a"), address = URL.createObjectURL(blob);
    link.href = address;
    link.download = (document.title + " " + chart.plot.key).replace(/[^\p{L}\p{N}.]+/gu, "-").slice(0, 100) + ".png";
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  }, "image/png");

  const recolour = () => {
    colours = {};
    for (const chart of charts) chart.redraw(true, true);
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  matchMedia("print").addEventListener("change", recolour);
  // What is drawn has no other size on paper than on the screen, unless it is told.
  const resize = (widthOf) => charts.forEach((chart) => chart.setSize({ width: widthOf(chart), height: chart.height }));
  addEventListener("beforeprint", () => resize((chart) => Math.min(chart.width, PAPER)));
  addEventListener("afterprint", () => resize((chart) => chart.place.clientWidth));
  addEventListener("click", (event) => {
    const { whole, save: saved } = event.target.dataset ?? {};
    if (whole !== undefined) zoom(groups.get(whole));
    if (saved !== undefined) save(charts.find((chart) => chart.plot.key === saved));
  });

  plots.forEach(make);
  root.dataset.drawn = String(charts.length);
})();
