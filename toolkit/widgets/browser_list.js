// The list: of thousands of rows those in sight are in the page, and a few around them.

const ROW_PX = 76;
const AROUND = 4;
let lists = 0;

class List {
  constructor(shelf, { onMove, onMark }) {
    this.shelf = shelf;
    this.onMove = onMove;
    this.onMark = onMark;
    this.name = `tk-scenes-${++lists}`;
    this.order = null; // places in their order; null for all of them
    this.at = 0; // where the cursor is in the order
    this.marked = new Set();
    this.nodes = new Map();
    this.root = make("div", "tk-list", null, {
      role: "grid", tabindex: "0", "aria-label": "Scenes", "aria-multiselectable": "true", "aria-colcount": "3",
    });
    this.space = make("div", "tk-space", null, { role: "presentation" });
    this.root.append(this.space);
    this.root.addEventListener("scroll", () => {
      if (!this.frame) this.frame = requestAnimationFrame(() => this.layout());
    }, { passive: true });
  }

  get size() {
    return this.order ? this.order.length : this.shelf.rows.length;
  }

  get place() {
    return this.size ? this.placeOf(this.at) : -1;
  }

  placeOf(at) {
    return this.order ? this.order[at] : at;
  }

  // Show these places; the cursor stays on its scene where that is among them.
  setOrder(order) {
    const place = this.place;
    this.order = order;
    const found = order ? order.indexOf(place) : place;
    this.at = Math.max(0, Math.min(found, this.size - 1));
    this.clear();
    this.reveal();
    this.onMove();
  }

  clear() {
    for (const node of this.nodes.values()) node.remove();
    this.nodes.clear();
  }

  move(at) {
    if (!this.size) return;
    const old = this.nodes.get(this.at);
    this.at = Math.max(0, Math.min(this.size - 1, at));
    if (old) old.classList.remove("tk-here");
    this.reveal();
    this.onMove();
  }

  reveal() {
    const [top, height] = [this.at * ROW_PX, this.root.clientHeight];
    if (top < this.root.scrollTop) this.root.scrollTop = top;
    else if (top + ROW_PX > this.root.scrollTop + height) this.root.scrollTop = top + ROW_PX - height;
    this.layout();
    const node = this.nodes.get(this.at);
    if (node) {
      node.classList.add("tk-here");
      this.root.setAttribute("aria-activedescendant", node.id);
    } else this.root.removeAttribute("aria-activedescendant");
  }

  get inSight() {
    return Math.max(1, Math.floor(this.root.clientHeight / ROW_PX));
  }

  layout() {
    this.frame = 0;
    this.space.style.height = `${this.size * ROW_PX}px`;
    this.root.setAttribute("aria-rowcount", this.size);
    const first = Math.max(0, Math.floor(this.root.scrollTop / ROW_PX) - AROUND);
    const seen = Math.ceil((this.root.scrollTop + this.root.clientHeight) / ROW_PX);
    const last = Math.min(this.size, seen + AROUND);
    for (const [at, node] of this.nodes) {
      if (at < first || at >= last) {
        node.remove();
        this.nodes.delete(at);
      }
    }
    const places = [];
    for (let at = first; at < last; at++) {
      places.push(this.placeOf(at));
      if (!this.nodes.has(at)) this.draw(at);
    }
    if (places.length) this.shelf.near = places[Math.min(AROUND, places.length - 1)];
    this.shelf.want(places);
  }

  // Draw again those of the places that are in sight.
  refresh(from, count) {
    for (const at of [...this.nodes.keys()]) {
      const place = this.placeOf(at);
      if (place >= from && place < from + count) this.draw(at);
    }
    this.layout();
  }

  pictures(ids) {
    const come = new Set(ids);
    for (const node of this.nodes.values()) {
      if (come.has(node.dataset.id)) this.picture(node.querySelector("img"), node.dataset.id);
    }
    this.layout();
  }

  picture(image, id) {
    const address = this.shelf.thumbs.get(id);
    if (address) image.src = address;
  }

  draw(at) {
    const place = this.placeOf(at);
    const node = this.rowOf(at, place, this.shelf.rows[place]);
    const old = this.nodes.get(at);
    if (old) old.replaceWith(node);
    else this.space.append(node);
    this.nodes.set(at, node);
  }

  rowOf(at, place, row) {
    const node = make("div", at === this.at ? "tk-row tk-here" : "tk-row", null, {
      role: "row", id: `${this.name}-${at}`, "aria-rowindex": at + 1,
      "aria-selected": this.marked.has(row?.id),
    });
    node.style.top = `${at * ROW_PX}px`;
    const image = make("img", "", null, { alt: "", width: 112, height: 63, decoding: "async" });
    const shot = make("div", "tk-shot", null, { role: "gridcell" });
    const text = make("div", "tk-text", null, { role: "gridcell" });
    const tags = make("div", "tk-tags", null, { role: "gridcell" });
    shot.append(image);
    node.append(shot, text, tags);
    node.addEventListener("click", (event) => {
      this.move(at);
      if (event.ctrlKey || event.metaKey) this.mark();
      this.root.focus({ preventScroll: true });
    });
    if (!row) {
      text.append(make("p", "tk-when", "…"));
      return node;
    }
    node.dataset.id = row.id;
    this.picture(image, row.id);
    const film = this.shelf.films.length > 1 ? `${this.shelf.films[row.film].title}  ` : "";
    text.append(make("p", "tk-when", `${film}${row.index}  ${moment(row.start)} – ${moment(row.end)}`));
    text.append(make("p", "tk-what", row.description || row.answers.map(([q, a]) => `${q} ${a}`).join("  ")));
    if (row.sentiment) tags.append(make("span", `tk-feel tk-${row.sentiment[0]}`, row.sentiment[0]));
    for (const item of itemsOf(row)) {
      if (item.target === "tag") tags.append(make("span", `tk-chip tk-${item.state || "open"}`, item.text));
    }
    return node;
  }

  mark() {
    const row = this.shelf.rows[this.place];
    if (!row) return;
    if (!this.marked.delete(row.id)) this.marked.add(row.id);
    this.draw(this.at);
    this.onMark();
  }
}
