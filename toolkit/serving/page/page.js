// The page: a token, the runs with their progress, the scenes of one, a search.

import { follow, forget, get, keep, post, token } from "/static/api.js";
import { made, search, show, watch } from "/static/scenes.js";

const $ = (id) => document.getElementById(id);
const main = document.querySelector("main");
const POLL_MS = 3000;
let scopes = [];
let following = null;

const may = (scope) => scopes.includes(scope) || scopes.includes("admin");

function trouble(error) {
  if (error.name === "AbortError") return;
  $("trouble").textContent = error.message;
  $("trouble").hidden = false;
  if (error.status === 401) leave();
}

function calm() {
  $("trouble").hidden = true;
}

function leave() {
  forget();
  following?.abort();
  scopes = [];
  for (const one of [main, $("search"), $("leave")]) one.hidden = true;
  for (const one of [$("runs"), $("scenes")]) one.replaceChildren();
  $("player").removeAttribute("src");
  $("player").load();
  $("player").hidden = true;
  $("holder").textContent = "";
  $("enter").hidden = false;
}

async function enter() {
  const me = await get("/v1/me");
  scopes = me.scopes;
  $("holder").textContent = `${me.name}: ${me.scopes.join(", ")}`;
  $("enter").hidden = true;
  for (const one of [main, $("search"), $("leave")]) one.hidden = false;
  $("start").hidden = !may("run");
  await runs();
}

let waiting = 0;

async function runs() {
  clearTimeout(waiting);
  const list = (await get("/v1/runs?limit=50")).runs;
  $("runs").replaceChildren(...list.map((run) => {
    const open = made("button", { type: "button", textContent: "Scenes" });
    open.addEventListener("click", () => { calm(); choose(run).catch(trouble); });
    const stop = made("button", { type: "button", textContent: "Stop" });
    stop.hidden = run.status !== "running" || !may("run");
    stop.addEventListener("click", () => {
      post(`/v1/runs/${encodeURIComponent(run.id)}/cancel`).then(runs).catch(trouble);
    });
    const bar = made("progress", { max: 1, value: run.progress.share });
    bar.setAttribute("aria-label", "Progress");
    const counts = run.progress.stages.tag;
    const row = made("tr", {},
      made("td", { textContent: new Date(run.started_at).toLocaleString() }),
      made("td", { textContent: run.status }),
      made("td", {}, bar, made("span", {
        className: "note",
        textContent: ` ${counts ? counts.done : 0} scenes, ${run.progress.failures} failures`,
      })),
      made("td", { textContent: run.sources.join(", ") }),
      made("td", {}, open, stop));
    row.dataset.run = run.id;
    return row;
  }));
  if (list.some((run) => run.status === "running")) {
    waiting = setTimeout(() => runs().catch(trouble), POLL_MS);
  }
}

async function choose(run) {
  following?.abort();
  $("shown").hidden = false;
  $("title").textContent = run.sources.join(", ");
  $("event").textContent = "";
  const isShown = await show(run.id, may("review"), trouble);
  if (!isShown || run.status !== "running") return;
  following = new AbortController();
  await follow(run.id, (kind, data) => {
    if (kind === "progress") $("event").textContent = `${Math.round(100 * data.share)} %`;
    else if (data.message) $("event").textContent = data.message;
    if (kind === "video" || kind === "end") show(run.id, may("review"), trouble).catch(trouble);
  }, following.signal);
  await runs();
}

function on(form, work) {
  $(form).addEventListener("submit", (event) => {
    event.preventDefault();
    calm();
    work(new FormData($(form))).catch(trouble);
  });
}

on("enter", async (data) => {
  keep(data.get("token").trim());
  $("enter").reset();
  await enter();
});

on("search", async (data) => {
  following?.abort();
  $("shown").hidden = false;
  const count = await search(data.get("words"), trouble);
  if (count === null) return;
  $("title").textContent = `${count} found`;
  $("event").textContent = "";
});

on("start", async (data) => {
  const question = data.get("question").trim();
  const run = await post("/v1/runs", {
    sources: [data.get("source").trim()],
    questions: question ? [question] : [],
  });
  $("start").reset();
  await runs();
  await choose(run);
});

$("leave").addEventListener("click", () => { calm(); leave(); });
watch(trouble);
if (token()) enter().catch(trouble);
else leave();
