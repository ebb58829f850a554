// Filter, review queue, export: what is shown, and in which order.

class Toolbar {
  constructor(shelf, { onChange, onQueue, onExport, onLeave }) {
    this.shelf = shelf;
    this.onExport = onExport;
    this.queue = null; // places, those most worth a look first; null while scenes are in order
    this.root = make("div", "tk-bar", null, { role: "toolbar", "aria-label": "Scenes" });
    this.field = make("input", "tk-filter", null, {
      type: "search", placeholder: "filter (/): words, tag:car, is:open, is:reviewed", "aria-label": "Filter",
    });
    this.field.addEventListener("input", () => onChange());
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.field.value) {
        this.field.value = "";
        onChange();
      } else if (event.key !== "Enter" && event.key !== "ArrowDown" && event.key !== "Escape") return;
      else onLeave();
      event.preventDefault();
      event.stopPropagation();
    });
    this.sure = button("most in doubt first", "Review queue (q)", () => {
      onQueue();
      onLeave();
    });
    this.sure.setAttribute("aria-pressed", "false");
    this.folder = make("input", "tk-folder", null, { type: "text", value: "clips", "aria-label": "Folder for clips" });
    this.folder.value = "clips";
    this.exact = make("input", "", null, { type: "checkbox" });
    const exact = make("label", "", null, { title: "Encode anew, exact to the frame" });
    exact.append(this.exact, " exact");
    this.export = button("export", "Export the selected scenes as clips (c)", () => this.send());
    this.export.disabled = true;
    this.root.append(this.field, this.sure, this.folder, exact, this.export);
    this.marked = new Set();
  }

  setQueue(places) {
    this.queue = places;
    this.sure.setAttribute("aria-pressed", String(places !== null));
  }

  mark(marked) {
    this.marked = marked;
    this.export.textContent = marked.size ? `export ${marked.size}` : "export";
    this.export.disabled = !marked.size;
  }

  send() {
    if (this.marked.size) {
      this.onExport({ folder: this.folder.value.trim() || "clips", ids: [...this.marked], exact: this.exact.checked });
    }
  }

  // The places to show, in order; null for all as they are.
  order() {
    const tests = this.field.value.toLowerCase().split(/\s+/).filter(Boolean).map((word) => this.test(word));
    if (!tests.length && !this.queue) return null;
    const { rows } = this.shelf;
    const every = this.queue ?? rows.keys();
    return [...every].filter((place) => rows[place] && tests.every((fits) => fits(place)));
  }

  test(word) {
    const { rows, words } = this.shelf;
    const [, kind, rest] = /^(tag|is|sentiment):(.*)$/.exec(word) || [null, "", word];
    if (kind === "tag") return (place) => rows[place].tags.some(([label]) => label.toLowerCase().startsWith(rest));
    if (kind === "sentiment") return (place) => (rows[place].sentiment?.[0] || "").startsWith(rest);
    if (kind === "is" && rest === "open") return (place) => isOpen(rows[place]);
    if (kind === "is" && rest === "reviewed") return (place) => (rows[place].reviews || []).length > 0;
    return (place) => words[place].includes(word);
  }
}
