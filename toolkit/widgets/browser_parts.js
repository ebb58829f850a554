// What all parts use. Text enters the page by textContent alone: markup in it stays text.

function make(tag, cls = "", text = null, attributes = {}) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== null) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function button(text, label, act, cls = "") {
  const node = make("button", cls, text, { type: "button", "aria-label": label, title: label });
  node.addEventListener("click", (event) => {
    event.stopPropagation();
    act(event);
  });
  return node;
}

function moment(seconds) {
  const whole = Math.floor(seconds / 60);
  const rest = (seconds - 60 * whole).toFixed(1).padStart(4, "0");
  const [hours, minutes] = [Math.floor(whole / 60), String(whole % 60).padStart(2, "0")];
  return hours ? `${hours}:${minutes}:${rest}` : `${minutes}:${rest}`;
}

const percent = (share) => (share === null || share === undefined ? "" : `${Math.round(100 * share)} %`);

// The address of a file that lies under the folder that Jupyter serves; "" elsewhere.
function fileAddress(path) {
  try {
    const config = JSON.parse(document.getElementById("jupyter-config-data").textContent);
    const root = (config.serverRoot || "").replaceAll("\\", "/").replace(/\/$/, "");
    const file = path.replaceAll("\\", "/");
    if (!root || !file.startsWith(`${root}/`)) return "";
    const within = file.slice(root.length + 1).split("/").map(encodeURIComponent).join("/");
    return `${(config.baseUrl || "/").replace(/\/$/, "")}/files/${within}`;
  } catch {
    return ""; // not JupyterLab
  }
}

// Everything in a scene that a person can judge, in the order in which it is shown. ``state`` is
// the last word on it: "accept", "reject", "edit", "add" or "".
function itemsOf(row) {
  if (!row) return [];
  const items = [];
  const put = (target, name, text, sure, why, said) =>
    items.push({ target, name: said?.name ?? name, text, sure, why, state: said?.action ?? "" });
  const reviews = row.reviews.map(([target, action, name, value]) => ({ target, action, name, value }));
  const same = (one, other) => one.toLowerCase() === other.toLowerCase();
  const about = (what, name) => reviews.findLast(({ target, name: said }) => target === what && same(said, name));
  const edited = (label) =>
    reviews.findLast(({ target, action, value }) => target === "tag" && action === "edit" && value === label);
  for (const [label, score, why, tagger] of row.tags) {
    const said = about("tag", label) ?? edited(label);
    put("tag", label, label, said ? null : score, why || tagger, said);
  }
  for (const said of reviews) {
    if (said.target === "tag" && said.action === "reject") put("tag", said.name, said.name, null, "", said);
  }
  put("description", "", row.description, null, "", about("description", ""));
  const feeling = about("sentiment", "");
  if (row.sentiment || feeling) put("sentiment", "", ...(row.sentiment ?? [feeling.value, null]), "", feeling);
  for (const [name, text, sure] of row.answers) put("answer", name, text, sure, "", about("answer", name));
  for (const said of reviews) {
    const gone = said.target === "answer" && said.action === "reject";
    if (gone && !row.answers.some(([name]) => same(name, said.name))) {
      put("answer", said.name, String(said.value ?? ""), null, "", said);
    }
  }
  return items;
}

// Whether there is something that nobody has looked at yet.
function isOpen(row) {
  return itemsOf(row).some((item) => !item.state && item.target !== "description");
}
