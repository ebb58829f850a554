// What the kernel told so far; the rest is asked for when it is needed.

const KEPT_THUMBS = 600;

class Shelf {
  constructor(model) {
    this.model = model;
    this.waiting = new Map();
    this.listeners = new Set();
    this.thumbs = new Map();
    this.wanted = [];
    this.asked = new Set();
    // Every view of the widget hears every answer: its questions have names of their own.
    this.name = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
    this.seq = 0;
    this.films = [];
    this.hear = (message, buffers) => this.settle(message, buffers);
    this.anew = () => this.reload();
    model.on("msg:custom", this.hear);
    model.on("change:stamp", this.anew);
    this.reload();
  }

  close() {
    this.model.off("msg:custom", this.hear);
    this.model.off("change:stamp", this.anew);
    this.generation = -1;
    for (const address of this.thumbs.values()) URL.revokeObjectURL(address);
  }

  // Ask the kernel; the answer comes when no cell runs there.
  ask(kind, data = {}) {
    const seq = `${this.name}-${++this.seq}`;
    return new Promise((resolve, reject) => {
      this.waiting.set(seq, { resolve, reject });
      this.model.send({ kind, seq, ...data });
    });
  }

  settle(message, buffers) {
    const one = this.waiting.get(message.seq);
    if (message.row) this.renew(message.row);
    if (!one) return;
    this.waiting.delete(message.seq);
    if (message.error) one.reject(new Error(message.error));
    else one.resolve({ ...message, buffers });
  }

  tell(what, ...more) {
    for (const listener of this.listeners) listener(what, ...more);
  }

  reload() {
    const generation = (this.generation = (this.generation || 0) + 1);
    this.rows = new Array(this.model.get("count"));
    this.words = new Array(this.rows.length);
    this.loaded = 0;
    this.near = 0;
    this.labels = new Map();
    this.tell("anew");
    this.fill(generation).catch((error) => this.tell("error", error.message));
  }

  // One page after the other, those in sight first: the next is asked for when one has come.
  async fill(generation) {
    const size = this.model.get("page_size");
    const missing = new Set(Array.from({ length: Math.ceil(this.rows.length / size) }, (_, i) => i));
    this.films = (await this.ask("films")).films;
    while (missing.size && generation === this.generation) {
      const near = Math.floor(this.near / size);
      const page = missing.has(near) ? near : missing.values().next().value;
      missing.delete(page);
      const { rows } = await this.ask("page", { page });
      if (generation !== this.generation) return;
      rows.forEach((row, i) => this.put(page * size + i, row));
      this.loaded += rows.length;
      this.tell("rows", page * size, rows.length);
    }
  }

  put(place, row) {
    if (place >= this.rows.length) return; // the run went on meanwhile
    this.rows[place] = row;
    const said = row.answers.map(([name, text]) => `${name} ${text}`);
    const tags = row.tags.map(([label]) => label);
    for (const label of tags) this.labels.set(label, (this.labels.get(label) || 0) + 1);
    const title = this.films[row.film]?.title || "";
    this.words[place] = [title, row.description, ...said, ...tags, row.sentiment?.[0] || ""].join("\n").toLowerCase();
  }

  // A row that somebody changed, here or in another view.
  renew(row) {
    const place = this.rows.findIndex((one) => one?.id === row.id);
    if (place < 0) return;
    this.put(place, row);
    this.tell("rows", place, 1);
  }

  // Pictures of the rows in sight; what was wanted before and is out of sight is not asked for.
  want(places) {
    this.wanted = places.filter((place) => {
      const id = this.rows[place]?.id;
      return id && !this.thumbs.has(id) && !this.asked.has(id);
    });
    if (!this.wanted.length || this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = 0;
      this.fetch(this.wanted.slice(0, 32)).catch(() => {});
    }, 50);
  }

  async fetch(places) {
    const ids = places.map((place) => this.rows[place]?.id).filter(Boolean);
    if (!ids.length) return;
    ids.forEach((id) => this.asked.add(id));
    try {
      const { buffers } = await this.ask("thumbs", { ids });
      ids.forEach((id, i) => this.keep(id, buffers[i]));
    } finally {
      ids.forEach((id) => this.asked.delete(id));
    }
    this.tell("thumbs", ids);
  }

  keep(id, data) {
    const old = this.thumbs.get(id);
    if (old) URL.revokeObjectURL(old);
    const address = data?.byteLength ? URL.createObjectURL(new Blob([data], { type: "image/jpeg" })) : "";
    this.thumbs.set(id, address);
    for (const [key, kept] of this.thumbs) {
      if (this.thumbs.size <= KEPT_THUMBS) break;
      if (kept) URL.revokeObjectURL(kept);
      this.thumbs.delete(key);
    }
  }
}
