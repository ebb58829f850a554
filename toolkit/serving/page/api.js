// What the page asks the server. The token is in this tab's session storage and nowhere else.

const KEY = "token";

export const token = () => sessionStorage.getItem(KEY);
export const keep = (word) => sessionStorage.setItem(KEY, word);
export const forget = () => sessionStorage.removeItem(KEY);

export class Problem extends Error {
  constructor(status, problem) {
    super([problem.detail || problem.title || `The server says ${status}.`, problem.hint]
      .filter(Boolean).join(" "));
    this.status = status;
  }
}

async function sent(path, options = {}) {
  const headers = { Authorization: `Bearer ${token()}`, ...options.headers };
  const reply = await fetch(path, { ...options, headers, credentials: "omit" });
  if (!reply.ok) throw new Problem(reply.status, await reply.json().catch(() => ({})));
  return reply;
}

export const get = async (path) => (await sent(path)).json();

export const post = async (path, body) => (await sent(path, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: body === undefined ? undefined : JSON.stringify(body),
})).json();

// Pictures and films are fetched without the token, by links that hold for some minutes.
export async function links(paths) {
  if (!paths.length) return [];
  return (await post("/v1/links", { paths })).links.map((link) => link.url);
}

// Calls heard(kind, data) for every event of a run, until it ends or the signal says so.
export async function follow(run, heard, signal) {
  const reply = await sent(`/v1/runs/${encodeURIComponent(run)}/events`, { signal });
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const fields = Object.fromEntries(part.split("\n").map((line) => {
        const colon = line.indexOf(": ");
        return [line.slice(0, colon), line.slice(colon + 2)];
      }));
      if (fields.event) heard(fields.event, JSON.parse(fields.data));
    }
  }
}
