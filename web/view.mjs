// From data to elements. Nothing here asks anything or keeps anything; text is only ever set as text.

/** @typedef {import("./engine.mjs").State} State */
/** @typedef {import("./engine.mjs").Source} Source */
/** @typedef {import("./engine.mjs").Stream} Stream */
/** @typedef {import("./engine.mjs").Table} Table */
/** @typedef {import("./engine.mjs").Change} Change */
/** @typedef {import("./engine.mjs").Finding} Finding */
/** @typedef {import("./engine.mjs").Explained} Explained */
/** @typedef {import("./engine.mjs").Decision} Decision */
/** @typedef {import("./engine.mjs").Tried} Tried */
/** @typedef {Node | string | null | undefined | false} Child */

/**
 * An element with attributes and children; what is null or false is left out.
 * @param {string} tag
 * @param {Record<string, string | boolean>} attributes
 * @param {...Child} children
 */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/**
 * A table that scrolls by itself where it is too wide.
 * @param {string} caption
 * @param {[Child, boolean][]} heads each with whether its column is of numbers
 * @param {{class?: string, cells: Child[][]}[]} rows
 */
export function table(caption, heads, rows) {
  const head = h("tr", {}, ...heads.map(([text, number]) => h("th", { scope: "col", class: number ? "number" : "" }, text)));
  const body = rows.map((row) =>
    h("tr", { class: row.class ?? "" }, ...row.cells.map((cell, i) =>
      h(i === 0 ? "th" : "td", { ...(i === 0 ? { scope: "row" } : {}), class: heads[i]?.[1] ? "number" : "" }, ...cell))));
  const whole = h("table", {}, h("caption", { class: "unseen" }, caption), h("thead", {}, head), h("tbody", {}, ...body));
  return h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": caption }, whole);
}

/** Text for those who hear the page. @param {string} text */
const unseen = (text) => h("span", { class: "unseen" }, text);

/** A sentence with what stands in back-quotes as code; where quotes don't pair, as it is. @param {string} text */
export function prose(text) {
  const parts = text.split("`");
  if (parts.length % 2 === 0) return [text];
  return parts.map((part, i) => (i % 2 === 1 ? h("code", {}, part) : part));
}

/** A share as a percentage with as many digits as it needs. @param {number} share */
export function percent(share) {
  if (share > 0 && share < 0.00005) return "<0.01 %";
  if (share < 1 - 1e-9 && share > 0.99995) return ">99.99 %";
  return `${Number((share * 100).toFixed(2))} %`;
}

/** `reviews.default:9080 subset v1` of Envoy's name for it. @param {string} name */
export function cluster(name) {
  const parts = name.split("|");
  if (parts.length !== 4) return name;
  const [, port, subset, host] = parts;
  const short = (host ?? "").replace(/\.svc\.cluster\.local$/, "");
  return `${short}:${port}${subset ? ` subset ${subset}` : ""}`;
}

/** Where something was written. @param {Source | null} source */
export function written(source) {
  if (!source) return "written by no manifest";
  const rule = source.rule === null ? "" : ` rule ${source.rule}`;
  const at = source.file === null ? "" : `, ${source.file}:${source.line}`;
  return `${source.kind} ${source.namespace}/${source.name}${rule}${at}`;
}

/** How good an outcome is, as the class of its colour. @param {string | null} outcome */
export function tone(outcome) {
  switch (outcome) {
    case "delivered": case "tcp": return "good";
    case "redirect": case "direct_response": case "fault_abort": return "answered";
    case "passthrough": return "warn";
    case null: return "plain";
    default: return "bad";
  }
}

/** @param {string} outcome */
export const words = (outcome) => outcome.replaceAll("_", " ");

/** `1 client`, `2 clients`. @param {number} n @param {string} what */
const counted = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

/** The one sentence about a state. @param {State} state */
export function headline(state) {
  const { error, warning } = state.check.summary;
  const lost = state.simulate.streams.filter((s) => s.blackholed.expected_share > 0).length;
  const unmatched = state.simulate.streams.filter((s) => s.unmatched.expected_share > 0).length;
  const parts = [
    lost > 0 && `${counted(lost, "stream")} of ${state.simulate.streams.length} ${lost === 1 ? "loses" : "lose"} requests`,
    unmatched > 0 && `${counted(unmatched, "stream")} of ${state.simulate.streams.length} ${unmatched === 1 ? "has" : "have"} unmatched requests`,
    error > 0 && counted(error, "error"),
    warning > 0 && counted(warning, "warning"),
  ].filter(Boolean);
  return parts.length > 0 ? parts.join(", ") : "Nothing is lost, and nothing found";
}

/** @param {State} state */
export function shares(state) {
  if (state.simulate.streams.length === 0) return [h("p", { class: "note" }, "No stream, and no host that requests could be made for.")];
  return [
    ...state.simulate.assumed.map((text) => h("p", { class: "note" }, `assumed: ${text}`)),
    ...state.simulate.streams.map((s) => stream(s, state.simulate.streams.length <= STREAMS_OPEN)),
  ];
}

/** So few streams are shown open. */
const STREAMS_OPEN = 3;

/** Where requests of a stream end. @typedef {{share: number, text: string, outcome: string}} End */

/** All ends of a stream that have a share. @param {Stream} s @returns {End[]} */
export function ends(s) {
  return [
    ...s.destinations.map((d) => ({ share: d.expected_share, text: cluster(d.cluster), outcome: d.outcome })),
    ...s.answered.answers.map((a) => ({ share: a.expected_share, text: `${words(a.outcome)} ${a.status ?? ""}`, outcome: a.outcome })),
    { share: s.unmatched.expected_share, text: "unmatched", outcome: "no_route" },
  ].filter((row) => row.share > 0);
}

/** @param {Stream} s @param {boolean} isOpen */
function stream(s, isOpen) {
  const rows = ends(s);
  const name = `${s.name}, ${s.members > 1 ? `${s.members} clients` : s.proxy}`;
  return h("details", { "data-key": `stream ${s.proxy} ${s.name}`, open: isOpen || s.blackholed.expected_share + s.unmatched.expected_share > 0 },
    h("summary", {}, s.name, " ", h("span", { class: "note" }, s.members > 1 ? `${s.members} clients` : `through ${s.proxy}`),
      s.blackholed.expected_share > 0 && " ", s.blackholed.expected_share > 0 && h("span", { class: "badge bad" }, `${percent(s.blackholed.expected_share)} lost`)),
    h("div", { class: "inside" },
      table(`Shares of ${name}`, [["requests", false], [unseen("share as a bar"), false], ["share", true]], rows.map((row) => ({
        cells: [[h("span", { class: tone(row.outcome) === "bad" ? "bad" : "" }, row.text, tone(row.outcome) === "bad" && ` (${words(row.outcome)})`)], [bar(row.share, tone(row.outcome))], [percent(row.share)]],
      }))),
      ...s.blackholed.causes.map((c) => h("div", { class: "change bad" },
        h("p", {}, h("strong", { class: "bad" }, `${percent(c.expected_share)} lost: `), c.cluster === null ? c.example : cluster(c.cluster)),
        h("p", {}, "to fix: ", ...prose(c.hint)), h("p", { class: "note" }, written(c.source)))),
      ...s.unmatched.examples.map((e) => h("p", { class: "note" }, h("code", {}, e.request), ` ${e.reason ?? ""}`))));
}

/** @param {number} share @param {string} kind */
function bar(share, kind) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  for (const [key, value] of Object.entries({ class: "measure", viewBox: "0 0 100 14", preserveAspectRatio: "none", "aria-hidden": "true" })) svg.setAttribute(key, value);
  for (const [name, width] of /** @type {[string, number][]} */ ([["whole", 100], [`share ${kind}`, share * 100]])) {
    const rect = document.createElementNS(space, "rect");
    for (const [key, value] of Object.entries({ class: name, x: "0", y: "3", width: String(width), height: "8" })) rect.setAttribute(key, value);
    svg.append(rect);
  }
  return svg;
}

/** @param {State} state */
export function findings(state) {
  if (state.check.findings.length === 0) return [h("p", { class: "good" }, "Nothing found.")];
  const order = { error: 0, warning: 1, info: 2 };
  const sorted = [...state.check.findings].sort((a, b) => order[a.severity] - order[b.severity]);
  return sorted.slice(0, 100).map(finding).concat(
    sorted.length > 100 ? [h("p", { class: "warn" }, `and ${sorted.length - 100} more; towtank check lists them`)] : []);
}

/** @param {Finding} f */
export function finding(f) {
  const kind = { error: "bad", warning: "warn", info: "plain" }[f.severity];
  const object = f.resource.kind === null ? "" : `${f.resource.kind} ${f.resource.namespace}/${f.resource.name}: `;
  return h("div", { class: `finding ${kind}` },
    h("p", {}, h("span", { class: `badge ${kind}` }, `${f.severity} ${f.id}`), ` ${object}`, ...prose(f.message)),
    f.hint !== null && h("p", {}, h("strong", {}, "help "), ...prose(f.hint)),
    f.file !== null && h("p", { class: "note" }, `${f.file}:${f.line}`));
}

const KINDS = /** @type {Record<string, string>} */ ({ lost: "bad", unmatched: "bad", moved: "warn", altered: "warn", policy: "warn", gained: "good" });

/** @param {State} state @param {(request: string) => void} ask */
export function changes(state, ask) {
  if (state.diff === null) return [h("p", { class: "note" }, "Nothing to compare with: these files are in no repository with a commit, and --against names none.")];
  if (state.diff.error !== undefined) return [h("p", { class: "warn" }, `${state.against} can't be read:`), h("pre", { tabindex: "0" }, state.diff.error)];
  const { verdict, proxies } = state.diff;
  const all = proxies.flatMap((p) => p.changes.filter((c) => !c.minor).map((change) => ({ change, members: p.members })));
  if (all.length === 0) return [h("p", { class: "good" }, `Nothing changes against ${state.against}: proven for every request of ${counted(verdict.clients, "client")}.`)];
  const order = Object.keys(KINDS);
  all.sort((a, b) => order.indexOf(a.change.kind) - order.indexOf(b.change.kind));
  return [
    h("p", {}, `Against ${state.against}, ${verdict.changed_hosts} of ${counted(verdict.changed_hosts + verdict.unchanged_hosts, "host")} ${verdict.changed_hosts === 1 ? "changes" : "change"}.`),
    ...all.slice(0, 40).map(({ change, members }) => changed(change, members, ask)),
    ...(all.length > 40 ? [h("p", { class: "warn" }, `and ${all.length - 40} more; towtank diff lists them`)] : []),
  ];
}

/** @param {Change} c @param {number} members @param {(request: string) => void} ask */
function changed(c, members, ask) {
  const example = c.witness && requestText(c.witness);
  const button = example ? h("button", { type: "button", class: "small" }, "Ask") : null;
  button?.addEventListener("click", () => ask(example ?? ""));
  return h("div", { class: `change ${KINDS[c.kind] ?? ""}` },
    h("p", {}, h("span", { class: `badge ${KINDS[c.kind] ?? ""}` }, c.kind), " ", h("strong", {}, c.host.replace(/\.svc\.cluster\.local$/, "")),
      ` for ${counted(members, "client")}${c.share_moved > 0 && c.share_moved < 1 ? `, ${percent(c.share_moved)} of them` : ""}${c.evidence === "proven" ? "" : " (possible, not proven)"}`),
    h("p", { class: "note" }, c.region.text),
    c.old.effect.text !== c.new.effect.text && h("p", {}, h("code", {}, c.old.effect.text), " → ", h("code", {}, c.new.effect.text)),
    ...c.fields.filter((f) => f.what !== "destination").map((f) => h("p", {}, `${f.what} `, h("code", {}, f.before), " → ", h("code", {}, f.now))),
    h("p", { class: "note" }, written(c.new.source ?? c.old.source)),
    example && h("p", { class: "note" }, h("code", {}, example), " ", button));
}

/** A request as the box takes it. @param {NonNullable<Change["witness"]>} w */
function requestText(w) {
  const scheme = w.tls ? "https" : "http";
  const usual = w.tls ? 443 : 80;
  const port = w.port !== undefined && w.port !== usual && !/:\d+$/.test(w.authority) ? `:${w.port}` : "";
  return [`${w.method} ${scheme}://${w.authority}${port}${w.path}`, ...(w.headers ?? []).map(([name, value]) => `${name}: ${value}`)].join("\n");
}

/** What can be done with a route of a row. @typedef {(route: import("./engine.mjs").Route, row: string) => Child} Controls */

/**
 * @param {State} state
 * @param {Decision[]} lit routes that took the request of the box
 * @param {Controls} controls
 */
export function tables(state, lit, controls) {
  return state.routes.map((t) => {
    const whose = t.proxy.members > 1 ? `${t.proxy.name} and ${t.proxy.members - 1} more that cannot differ` : t.proxy.name;
    return h("section", {}, h("h3", {}, `${whose} (${t.proxy.type} in ${t.proxy.namespace})`),
      ...t.route_configs.flatMap((c) => c.virtual_hosts.map((host) => virtualHost(t, c.name, host, lit, controls))));
  });
}

/** @param {Table} t @param {string} config @param {import("./engine.mjs").VirtualHost} host @param {Decision[]} lit @param {Controls} controls */
function virtualHost(t, config, host, lit, controls) {
  const took = lit.filter((d) => d.proxy === t.proxy.name && d.route_config === config && d.virtual_host === host.name).map((d) => d.route_index);
  const loses = host.routes.some((r) => r.clusters?.some((c) => c.state !== "ready"));
  return h("details", { "data-key": `host ${t.proxy.name} ${config} ${host.name}`, open: took.length > 0 },
    h("summary", {}, host.name, " ", h("span", { class: "note" }, `route table ${config}, ${host.routes.length} ${host.routes.length === 1 ? "route" : "routes"}`),
      loses && " ", loses && h("span", { class: "badge bad" }, "loses requests")),
    h("div", { class: "inside" }, table(`Routes of ${host.name}`, [[unseen("route"), true], ["takes", false], ["does, and who wrote it", false]], host.routes.map((r) => ({
      class: took.includes(r.index) ? "lit" : "",
      cells: [[String(r.index)], r.match.map((m) => h("div", {}, h("code", {}, m))), [...does(r), h("div", { class: "note" }, written(r.source)), controls(r, `${t.proxy.name} ${config} ${host.name} ${r.index}`)]],
    })))));
}

/** @param {import("./engine.mjs").Route} r */
function does(r) {
  const to = (r.clusters ?? []).map((c) =>
    h("div", { class: c.state === "ready" ? "" : "bad" }, `${c.share < 1 ? `${percent(c.share)} ` : ""}${cluster(c.name)}${c.state === "ready" ? "" : ` (${words(c.state)})`}`));
  const answers = [r.redirect, r.direct_response === undefined ? undefined : `answer ${r.direct_response}`].filter((a) => a !== undefined);
  return [...to, ...answers.map((a) => h("div", {}, a)), ...r.treatment.map((text) => h("div", {}, text))];
}

/** The ladder of each client that the request concerns. @param {Explained} explained */
export function ladders(explained) {
  if (explained.error !== null) return [h("p", { class: "bad" }, explained.error)];
  return explained.decisions.map(({ decision: d, conditions }) => {
    const end = d.outcome === null ? "the end depends on the cluster that is drawn" : `${words(d.outcome)}${d.status === null || d.outcome === "delivered" ? "" : ` ${d.status}`}${d.flags === null || d.flags === "-" ? "" : ` ${d.flags}`}`;
    const whose = d.members > 1 ? `${d.proxy} and ${d.members - 1} more clients` : d.proxy ?? "";
    return h("article", { class: `card ${tone(d.outcome)}` },
      h("h3", { class: tone(d.outcome) }, end),
      h("p", { class: "note" }, `seen by ${whose}${d.virtual_host === null ? "" : `, virtual host ${d.virtual_host}`}`),
      ...d.clusters.map((c) => h("p", { class: tone(c.outcome) === "bad" ? "bad" : "" }, `${d.clusters.length > 1 ? `${percent(c.share)} ` : "to "}${cluster(c.name)}${tone(c.outcome) === "bad" ? ` (${words(c.outcome)})` : ""}`)),
      d.location !== null && h("p", {}, "Location ", h("code", {}, d.location)),
      d.steps.length > 0 && h("ol", { class: "ladder", "aria-label": "Routes in match order" }, ...d.steps.map((step, i) =>
        h("li", { class: step.matched ? "took" : "" },
          h("h4", {}, `route ${step.route_index} `, h("span", { class: `badge ${step.matched ? "good" : "plain"}` }, step.matched ? "takes it" : "no")),
          tried(step.route_index, conditions[i] ?? []),
          h("p", { class: "note" }, written(step.source))))));
  });
}

/** @param {number} route @param {Tried[]} all */
function tried(route, all) {
  return table(`Conditions of route ${route}`, [["condition", false], ["wanted", false], ["the request has", false], ["holds", false]], all.map((t) => ({
    cells: [[t.name], [h("code", {}, t.wanted)], [h("code", {}, t.own)], [h("span", { class: t.holds ? "yes" : "no-match" }, t.holds ? "✓ yes" : "✗ no")]],
  })));
}
