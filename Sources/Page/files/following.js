// What comes: the page looks whether lanes have changed, live once a second, and tries again where the collector is away.

import { find } from "./dom.js";
import { connection, list, QuestionError } from "./questions.js";

/** @typedef {import("./page.js").Page} Page */

/** Milliseconds between two looks, live, and where the collector is away or empty. */
const liveMilliseconds = 1000;
const awayMilliseconds = 2000;
/** A look that took long is followed by a rest so many times as long. */
const restTimes = 4;

export class Following {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    /** How long the last look took. */
    this.renewMilliseconds = 0;
  }

  drawLive() {
    find("live", HTMLElement).setAttribute("aria-pressed", String(this.page.state.now.live));
    if (this.page.state.now.live) this.renew();
  }

  /** Looks at what came, as often as is worth it. */
  async follow() {
    this.drawLive();
    for (;;) {
      const { live } = this.page.state.now;
      const pause = live && !connection.isLost ? liveMilliseconds : awayMilliseconds;
      await new Promise((resolve) => setTimeout(resolve, Math.max(pause, this.renewMilliseconds * restTimes)));
      if (document.hidden) continue;
      if (!this.page.view.isLoaded || this.page.view.lanes.all.length === 0) await this.page.load();
      else if (live || connection.isLost) await this.renew();
    }
  }

  /** Asks whether lanes have changed; what is shown is asked for anew if so. */
  async renew() {
    const { view, state } = this.page;
    const began = performance.now();
    const wasLost = connection.isLost;
    const wasFit = view.axisView.isFit;
    try {
      const isNew = await view.load(view.execution);
      this.renewMilliseconds = performance.now() - began;
      if (wasLost) {
        view.windows.invalidate();
        list("executions", {}).then(({ items }) => {
          this.page.executions = items;
          this.page.drawExecutions();
        }, () => {});
      }
      if (isNew) this.renewed(wasFit && state.now.from === "");
      else if (wasLost) view.paintSoon();
    } catch (error) {
      if (error instanceof QuestionError && error.status === 404) this.page.load();
    }
    this.page.status.draw();
  }

  /** @param {boolean} wasFit */
  renewed(wasFit) {
    const { view, state } = this.page;
    view.setAxis(state.now.axis);
    this.page.drawAxes();
    this.page.arrange();
    if (wasFit) {
      view.axisView.fit();
    } else if (state.now.live) {
      const { axisView } = view;
      axisView.pan(axisView.pixel(axisView.end) - axisView.width * 0.94);
      view.moved();
    }
    if (state.now.event) this.page.selecting.show(false);
    view.paintSoon();
  }
}
