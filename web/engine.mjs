// The one interface to the engine: a state that is told whenever it is another one, and a question that can be asked. Here it is
// served by `towtank ui` over HTTP; whatever has the same functions can stand in its place (wasm.mjs).

/**
 * Everything that the page shows. The parts are the JSON outputs of the commands they are called after (`towtank schema NAME`).
 * @typedef {object} State
 * @property {Simulate} simulate exact shares
 * @property {Table[]} routes
 * @property {Check} check
 * @property {Rule[]} rules what of the files can be edited
 * @property {string | null} against what `diff` is told against
 * @property {(Diff & {error?: undefined}) | {error: string} | null} diff
 *
 * @typedef {{version: number, generation: number, error: string | null, findings?: Finding[] | null, state: State | null}} Told `findings`: what `error` is made of, where the engine tells it
 *
 * @typedef {{file: string | null, line: number | null, kind: string, namespace: string, name: string, rule: number | null}} Source
 * @typedef {{outcome: string, cluster: string, expected_share: number}} Destination
 * @typedef {{outcome: string, status: number | null, expected_share: number}} Answer
 * @typedef {{expected_share: number, cause: string, cluster: string | null, hint: string, example: string, source: Source | null}} Cause
 * @typedef {{request: string, reason: string | null}} Example
 * @typedef {object} Stream
 * @property {string} name
 * @property {string} proxy
 * @property {number} members
 * @property {Record<string, number>} expected_outcomes
 * @property {Destination[]} destinations
 * @property {{answers: Answer[]}} answered
 * @property {{expected_share: number}} passthrough
 * @property {{expected_share: number, examples: Example[]}} unmatched
 * @property {{expected_share: number, causes: Cause[]}} blackholed
 * @typedef {{streams: Stream[], assumed: string[], istio: string | null}} Simulate
 *
 * @typedef {{name: string, share: number, state: string, endpoints: number}} Target
 * @typedef {object} Route
 * @property {number} index
 * @property {string} name
 * @property {string[]} match
 * @property {string[]} treatment
 * @property {Target[]} [clusters]
 * @property {string} [redirect]
 * @property {number} [direct_response]
 * @property {Source | null} source
 * @typedef {{name: string, domains: string[], routes: Route[]}} VirtualHost
 * @typedef {{name: string, virtual_hosts: VirtualHost[]}} RouteConfig
 * @typedef {{proxy: {name: string, type: string, namespace: string, members: number}, route_configs: RouteConfig[]}} Table
 *
 * @typedef {object} Finding
 * @property {string} id
 * @property {"error" | "warning" | "info"} severity
 * @property {{kind: string | null, namespace: string | null, name: string | null}} resource
 * @property {string | null} file
 * @property {number | null} line
 * @property {number | null} column in characters, from 1
 * @property {string} message
 * @property {string | null} hint
 * @property {string | null} witness
 * @typedef {{findings: Finding[], summary: {error: number, warning: number, info: number}}} Check
 *
 * @typedef {{effect: {text: string}, source: Source | null}} Side
 * @typedef {object} Change
 * @property {string} kind
 * @property {"proven" | "possible"} evidence
 * @property {string} host
 * @property {{text: string}} region
 * @property {{method: string, authority: string, path: string, port?: number, tls?: boolean, headers?: [string, string][]} | null} witness
 * @property {Side} old
 * @property {Side} new
 * @property {{what: string, before: string, now: string}[]} fields
 * @property {boolean} minor
 * @property {number} share_moved
 * @typedef {{changed: boolean, verdict: {unchanged_hosts: number, changed_hosts: number, clients: number}, proxies: {name: string, members: number, changes: Change[]}[]}} Diff
 *
 * @typedef {{virtual_host: string, route_index: number, matched: boolean, reason: string, source: Source | null}} Step
 * @typedef {{name: string, share: number, outcome: string}} Cluster
 * @typedef {object} Decision
 * @property {string | null} proxy
 * @property {number} members
 * @property {string | null} route_config
 * @property {string | null} virtual_host
 * @property {number | null} route_index
 * @property {string | null} outcome
 * @property {number | null} status
 * @property {string | null} flags
 * @property {Cluster[]} clusters
 * @property {string | null} location
 * @property {Step[]} steps
 * @typedef {{name: string, wanted: string, own: string, holds: boolean}} Tried
 * @typedef {{error: string, decisions?: undefined} | {error: null, decisions: {decision: Decision, conditions: Tried[][]}[]}} Explained
 *
 * A rule of a VirtualService as it is written: the first and the last line of it, its destinations with the weights that are written, and
 * its match as YAML.
 * @typedef {{file: string, namespace: string, name: string, protocol: "http" | "tls" | "tcp", rule: number, lines: [number, number], destinations: {name: string, weight: number | null}[], match: string | null}} Rule
 * What becomes of a rule: weights (null: as it is written; none at all: all stay) and match (null: as it is; "": none).
 * @typedef {{rule: Rule, weights: (number | null)[], match: string | null}} RuleEdit
 * What would be so with edits, and the patch; `edit` and `line` say which edit can't be made, and where in its match. Without an edit that
 * changes anything there is no state.
 * @typedef {{error: string, edit?: number | null, line?: number | null} | {error: null, notes: string[], patch: string, state: State | null}} Edited
 * @typedef {{kind: "paragraph" | "item" | "code", mark: string | null, spans: {text: string, look: "plain" | "code" | "strong", link: string | null}[]}} TextBlock
 * @typedef {{number: number, name: string, title: string, rules: string[]}} LessonEntry
 * @typedef {object} LessonParts
 * @property {{name: string, text: string}[]} files
 * @property {TextBlock[]} intro
 * @property {string} request
 * @property {string | null} proxy
 * @property {TextBlock[]} question
 * @property {{key: string, answer: string, meaning: string | null}[]} choices
 * @property {string} right key of the choice that the engine gives
 * @property {string} tempting
 * @property {TextBlock[]} why
 * @property {TextBlock[]} remember
 * @property {{label: string, value: string}[]} rows
 * @property {{state: string | null, decision: Decision, conditions: Tried[][]}[]} decisions
 * @property {string | null} previous
 * @property {string | null} next
 * @typedef {LessonEntry & LessonParts} Lesson
 * @typedef {{language: string, languages: {code: string, name: string}[], words: Record<string, string>, lessons?: LessonEntry[], lesson?: Lesson}} Lessons
 * @typedef {{error: string} | {error: null, told: Lessons}} Taught
 *
 * @typedef {object} Engine
 * @property {{fresh: string, stale: string}} words what is said of a state of now, and of one that stays since that of now can't be read
 * @property {(told: (state: Told) => void, lost: (why: string) => void) => void} follow calls `told` now and at each change, and `lost`
 *   when nothing comes any more; it goes on trying
 * @property {(asked: string) => Promise<Explained>} explain
 * @property {(edits: RuleEdit[]) => Promise<Edited>} edit writes nothing
 * @property {(language: string, name: string) => Promise<Taught>} lessons all of them, or the one of that name
 */

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * What the server answers to a question.
 * @param {string} name @param {string} body
 */
async function question(name, body) {
  try {
    const answer = await fetch(`api/${name}`, { method: "POST", body });
    return answer.ok ? await answer.json() : { error: `the server says ${answer.status}` };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * The engine behind `towtank ui`.
 * @returns {Engine}
 */
export function served() {
  return {
    words: { fresh: "follows the files as they are saved", stale: "the last state that could be read" },
    async follow(told, lost) {
      let known = -1;
      for (;;) {
        try {
          const answer = await fetch(`api/state?since=${known}`, { cache: "no-store" });
          if (answer.status === 204) continue;
          if (!answer.ok) throw new Error(`the server says ${answer.status}`);
          /** @type {Told} */
          const state = await answer.json();
          known = state.generation;
          told(state);
        } catch (error) {
          lost(error instanceof Error ? error.message : String(error));
          known = -1;
          await pause(1000);
        }
      }
    },
    explain: (asked) => question("explain", asked),
    edit: (edits) => question("edit", JSON.stringify({ edits })),
    lessons: (language, name) => question("lessons", `${language} ${name}`),
  };
}
