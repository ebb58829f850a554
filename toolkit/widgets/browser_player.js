// The player and the timeline of the scene's video.
// A file that Jupyter serves is played as a whole; of any other one clip a scene is sent.

class Player {
  constructor(shelf, { onSeek, onTell }) {
    this.shelf = shelf;
    this.onSeek = onSeek;
    this.onTell = onTell;
    this.offset = 0; // where the file that is loaded starts in the video, in seconds
    this.loaded = ""; // which file that is
    this.broken = new Set(); // films whose whole file cannot be played
    this.root = make("div", "tk-player");
    this.video = make("video", "", null, { preload: "metadata", playsinline: "", "aria-label": "Scene" });
    this.video.controls = true;
    this.line = make("div", "tk-line", null, {
      role: "slider", tabindex: "0", "aria-label": "Timeline", "aria-valuemin": "0",
    });
    this.canvas = make("canvas", "", null, { "aria-hidden": "true" });
    this.needle = make("div", "tk-needle");
    this.line.append(this.canvas, this.needle);
    this.clock = make("span", "tk-clock", "00:00.0");
    this.root.append(this.video, this.line, this.clock);
    this.video.addEventListener("timeupdate", () => this.tick());
    this.video.addEventListener("error", () => this.fallBack());
    this.line.addEventListener("click", (event) => this.onSeek(this.timeAt(event)));
  }

  get film() {
    return this.row ? this.shelf.films[this.row.film] : null;
  }

  get duration() {
    return Math.max(this.film?.duration || 0, this.row?.end || 0) || 1;
  }

  timeAt(event) {
    const box = this.line.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * this.duration;
  }

  // Seconds since the video's first frame.
  get time() {
    return this.loaded ? this.offset + this.video.currentTime : this.row?.start || 0;
  }

  // Show a scene, still.
  show(row) {
    const same = row?.id === this.row?.id;
    const film = this.row?.film;
    this.row = row;
    if (!row) return;
    const poster = this.shelf.thumbs.get(row.id);
    if (!same) {
      this.video.pause();
      this.ends = row.end;
      const whole = fileAddress(this.film?.path || "");
      if (whole && this.loaded === whole) this.seek(row.start);
      else this.unload();
    }
    if (poster) this.video.poster = poster;
    if (film !== row.film || !same) this.draw();
    this.tick();
  }

  unload() {
    if (this.blob) URL.revokeObjectURL(this.blob);
    this.blob = "";
    this.loaded = "";
    this.video.removeAttribute("src");
    this.video.load();
  }

  seek(time) {
    this.video.currentTime = Math.max(0, time - this.offset);
    this.tick();
  }

  async toggle() {
    if (!this.row) return;
    if (!this.video.paused) {
      this.video.pause();
      return;
    }
    if (!(await this.ready())) return;
    if (this.time >= this.row.end - 0.05 || this.time < this.row.start - 0.05) this.seek(this.row.start);
    this.ends = this.row.end;
    await this.video.play().catch(() => {});
  }

  // Whether something is loaded that has the scene in it, once for all who ask meanwhile.
  ready() {
    const row = this.row;
    if (!row) return Promise.resolve(false);
    if (this.getting?.row !== row) {
      const done = this.get(row).finally(() => {
        if (this.getting?.row === row) this.getting = null;
      });
      this.getting = { row, done };
    }
    return this.getting.done;
  }

  async get(row) {
    const whole = this.broken.has(row.film) ? "" : fileAddress(this.film?.path || "");
    if (whole) {
      if (this.loaded === whole) return true;
      this.load(whole, whole, 0);
      await this.settled();
      if (!this.video.error && this.loaded === whole) {
        this.seek(row.start);
        return true;
      }
      this.broken.add(row.film);
    }
    if (this.loaded === row.id) return true;
    this.onTell("Cutting the scene …");
    try {
      const { start, buffers } = await this.shelf.ask("clip", { id: row.id });
      if (this.row?.id !== row.id) return false;
      this.unload();
      this.blob = URL.createObjectURL(new Blob([buffers[0]], { type: "video/mp4" }));
      this.load(this.blob, row.id, start);
      await this.settled();
      this.seek(row.start);
      this.onTell("");
      return !this.video.error;
    } catch (error) {
      this.onTell(error.message, true);
      return false;
    }
  }

  load(address, name, offset) {
    this.loaded = name;
    this.offset = offset;
    this.video.src = address;
  }

  settled() {
    return new Promise((resolve) => {
      if (this.video.readyState >= 1) resolve();
      for (const event of ["loadedmetadata", "error"]) this.video.addEventListener(event, resolve, { once: true });
    });
  }

  fallBack() {
    if (this.row && this.loaded && this.loaded !== this.row.id) this.broken.add(this.row.film);
  }

  tick() {
    const time = this.time;
    if (this.row && !this.video.paused && time >= this.ends) {
      this.video.pause();
      this.ends = Infinity; // whoever presses play again hears on
    }
    this.clock.textContent = `${moment(time)} / ${moment(this.duration)}`;
    this.needle.style.left = `${Math.min(100, (100 * time) / this.duration)}%`;
    this.line.setAttribute("aria-valuemax", this.duration.toFixed(1));
    this.line.setAttribute("aria-valuenow", time.toFixed(1));
    this.line.setAttribute("aria-valuetext", `scene ${this.row?.index ?? ""} at ${moment(time)}`);
  }

  // Every scene of the video, in turns light and dark, the current one in colour.
  draw() {
    const [width, height] = [this.line.clientWidth, this.line.clientHeight];
    const scale = window.devicePixelRatio || 1;
    if (!width || !this.row) return;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    const pen = this.canvas.getContext("2d");
    const style = getComputedStyle(this.root);
    const colour = (name) => style.getPropertyValue(name).trim() || "#888";
    const [one, other, here] = [colour("--tk-border"), colour("--tk-quiet"), colour("--tk-accent")];
    pen.scale(scale, scale);
    for (const row of this.shelf.rows) {
      if (!row || row.film !== this.row.film) continue;
      pen.fillStyle = row.id === this.row.id ? here : row.index % 2 ? one : other;
      const left = (row.start / this.duration) * width;
      pen.fillRect(left, 2, Math.max(1, ((row.end - row.start) / this.duration) * width), height - 4);
    }
  }
}
