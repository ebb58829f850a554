// The scenes of a run, and what a search finds. All text is put in as text.

import { get, links, post } from "/static/api.js";

const PAGE = 50;
const $ = (id) => document.getElementById(id);

export function made(tag, data = {}, ...children) {
  const one = Object.assign(document.createElement(tag), data);
  one.append(...children.filter((child) => child !== null && child !== undefined));
  return one;
}

const clock = (seconds) => {
  const whole = Math.floor(seconds);
  const two = (number) => String(number).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
};

let playing = "";

async function play(path, at = 0) {
  playing = path;
  const [url] = await links([path]);
  const player = $("player");
  player.hidden = false;
  player.src = url;
  if (at) player.currentTime = at;
  player.scrollIntoView({ block: "nearest" });
  await player.play().catch(() => {});
}

// A link that is too old is asked for once more, and the film goes on where it was.
let renewed = 0;
export function watch(trouble) {
  $("player").addEventListener("error", () => {
    const at = $("player").currentTime;
    if (playing && Date.now() - renewed > 10_000) {
      renewed = Date.now();
      play(playing, at).catch(trouble);
    } else {
      trouble(new Error("The film cannot be played."));
    }
  });
}

const scenePath = (run, scene) =>
  `/v1/runs/${encodeURIComponent(run)}/scenes/${encodeURIComponent(scene)}`;

function tagsOf(run, row, mayReview, again, trouble) {
  const say = (action, name, value = null) => {
    const said = { subject: row.scene_id, target: "tag", action, name, value };
    return post(`/v1/runs/${encodeURIComponent(run)}/reviews`, said).then(again, trouble);
  };
  const list = made("ul", { className: "tags" });
  for (const label of row.tags) {
    const name = made("span", { textContent: label });
    const item = made("li", {}, name);
    if (mayReview) {
      const off = made("button", { type: "button", textContent: "×", title: "Not so" });
      off.setAttribute("aria-label", `Reject the tag ${label}`);
      off.addEventListener("click", () => say("reject", label));
      const pen = made("button", { type: "button", textContent: "✎", title: "Another word" });
      pen.setAttribute("aria-label", `Edit the tag ${label}`);
      pen.addEventListener("click", () => {
        const field = made("input", { value: label });
        field.setAttribute("aria-label", "The tag's new words");
        field.addEventListener("keydown", (event) => {
          if (event.key === "Enter" && field.value.trim()) say("edit", label, field.value.trim());
          if (event.key === "Escape") again();
        });
        name.replaceWith(field);
        field.focus();
      });
      item.append(pen, off);
    }
    list.append(item);
  }
  if (!mayReview) return list;
  const field = made("input", { name: "label", placeholder: "add a tag" });
  field.setAttribute("aria-label", "Add a tag");
  const form = made("form", { className: "add" }, field);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (field.value.trim()) say("add", field.value.trim());
  });
  list.append(made("li", {}, form));
  return list;
}

function card(run, row, mayReview, again, trouble) {
  const path = scenePath(run, row.scene_id);
  const picture = made("img", { alt: `Scene ${row.index}`, loading: "lazy" });
  const button = made("button", { type: "button", className: "play", title: "Play" }, picture);
  button.addEventListener("click", () => play(`${path}/clip`).catch(trouble));
  const place = `${row.title}  ${row.index}  ${clock(row.start_s)} to ${clock(row.end_s)}`;
  const about = made("div", {},
    made("p", { className: "note", textContent: place }),
    made("p", { className: "description", textContent: row.description || "" }),
    row.sentiment ? made("p", { className: "note", textContent: row.sentiment }) : null,
    tagsOf(run, row, mayReview, again, trouble));
  const item = made("li", {}, button, about);
  item.dataset.scene = row.scene_id;
  return [item, picture, row.thumbnail ? `${path}/thumbnail` : ""];
}

// What was asked for last is what is shown, also where an answer comes after that of a later one.
let latest = 0;

// Shows a run's scenes from some row on, and whether there are more after them; false if something
// else was asked for meanwhile.
export async function show(run, mayReview, trouble, offset = 0) {
  const table = `/v1/runs/${encodeURIComponent(run)}/tables/scenes`;
  const mine = ++latest;
  const { rows, total } = await get(`${table}?limit=${PAGE}&offset=${offset}`);
  if (mine !== latest) return false;
  const again = () => show(run, mayReview, trouble, 0).catch(trouble);
  const cards = rows.map((row) => card(run, row, mayReview, again, trouble));
  if (offset) $("scenes").append(...cards.map(([item]) => item));
  else $("scenes").replaceChildren(...cards.map(([item]) => item));
  const pictured = cards.filter(([, , path]) => path);
  const urls = await links(pictured.map(([, , path]) => path));
  urls.forEach((url, place) => { pictured[place][1].src = url; });
  if (mine !== latest) return false;
  $("more").hidden = offset + rows.length >= total;
  $("more").onclick = () => show(run, mayReview, trouble, offset + PAGE).catch(trouble);
  return true;
}

// Shows what is found, and tells how much; nothing if something else was asked for meanwhile.
export async function search(words, trouble) {
  const mine = ++latest;
  const { rows } = await get(`/v1/search?q=${encodeURIComponent(words)}&limit=100`);
  if (mine !== latest) return null;
  $("more").hidden = true;
  $("scenes").replaceChildren(...rows.map((row) => {
    const at = row.start_s ?? 0;
    const button = made("button", { type: "button", className: "play", textContent: "▶" });
    button.setAttribute("aria-label", `Play ${row.title} at ${clock(at)}`);
    const film = `/v1/videos/${encodeURIComponent(row.video_id)}/file`;
    button.addEventListener("click", () => play(film, at).catch(trouble));
    return made("li", {}, button, made("div", {},
      made("p", { className: "note", textContent: `${row.title}  ${clock(at)}` }),
      made("p", { className: "description", textContent: row.snippet })));
  }));
  return rows.length;
}
