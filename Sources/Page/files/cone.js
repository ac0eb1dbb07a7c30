// The causal past and future of one event: of each lane the last event that it knows, and the first that knows it.

import { Relation } from "./window.js";

/** @typedef {import("./questions.js").ConeAnswer} ConeAnswer */
/** @typedef {import("./questions.js").ConeEnd} ConeEnd */
/** @typedef {import("./lanes.js").Lanes} Lanes */
/** @typedef {import("./axis.js").AxisView} AxisView */

export class Cone {
  /**
   * @param {ConeAnswer} answer
   * @param {Lanes} lanes
   */
  constructor(answer, lanes) {
    this.event = answer.event;
    this.notes = answer.notes;
    this.lane = lanes.byProcess.get(answer.process) ?? -1;
    this.sequence = answer.sequence;
    /** The selected event's own position; null where it is not here. */
    this.position = answer.x === null ? null : BigInt(answer.x);
    this.answer = answer;
    const size = lanes.all.length;
    this.pastSequence = new Float64Array(size);
    this.futureSequence = new Float64Array(size).fill(Infinity);
    this.isPastExact = new Uint8Array(size).fill(1);
    this.isFutureExact = new Uint8Array(size).fill(1);
    /**
     * Absolute positions of these ends.
     * @type {(bigint | null)[]}
     */
    this.pastPositions = new Array(size).fill(null);
    /** @type {(bigint | null)[]} */
    this.futurePositions = new Array(size).fill(null);
    for (const end of answer.past) {
      const lane = lanes.byProcess.get(end.process);
      if (lane === undefined) continue;
      this.pastSequence[lane] = end.sequence;
      this.isPastExact[lane] = end.isExact ? 1 : 0;
      this.pastPositions[lane] = end.x === null ? null : BigInt(end.x);
    }
    for (const end of answer.future) {
      const lane = lanes.byProcess.get(end.process);
      if (lane === undefined) continue;
      this.futureSequence[lane] = end.sequence;
      this.isFutureExact[lane] = end.isExact ? 1 : 0;
      this.futurePositions[lane] = end.x === null ? null : BigInt(end.x);
    }
    if (this.lane >= 0) {
      this.pastSequence[this.lane] = this.sequence - 1;
      this.futureSequence[this.lane] = this.sequence + 1;
      this.pastPositions[this.lane] = this.futurePositions[this.lane] = this.position;
    }
    /** The same relative to the anchor of an axis view: NaN where there is none. */
    this.pastX = new Float64Array(size).fill(NaN);
    this.futureX = new Float64Array(size).fill(NaN);
    this.x = NaN;
    this.anchorVersion = -1;
  }

  /** @param {AxisView} view */
  anchor(view) {
    if (this.anchorVersion === view.anchorVersion) return;
    this.anchorVersion = view.anchorVersion;
    const relative = (/** @type {bigint | null} */ position) => (position === null ? NaN : Number(position - view.anchor));
    this.x = relative(this.position);
    for (let lane = 0; lane < this.pastX.length; lane++) {
      this.pastX[lane] = relative(this.pastPositions[lane]);
      this.futureX[lane] = relative(this.futurePositions[lane]);
    }
  }

  /**
   * @param {number} lane
   * @param {number} sequence
   */
  relation(lane, sequence) {
    if (lane === this.lane && sequence === this.sequence) return Relation.self;
    if (sequence <= this.pastSequence[lane]) return Relation.past;
    if (sequence >= this.futureSequence[lane]) return Relation.future;
    return this.isPastExact[lane] && this.isFutureExact[lane] ? Relation.concurrent : Relation.unknown;
  }

  /**
   * A message is in the past where its receipt is, or is the event itself; in the future where its sending is.
   * @param {number} from
   * @param {number} sent
   * @param {number} to
   * @param {number} received
   */
  relationOfMessage(from, sent, to, received) {
    const receipt = this.relation(to, received);
    if (receipt === Relation.past || receipt === Relation.self) return Relation.past;
    const sending = this.relation(from, sent);
    if (sending === Relation.future || sending === Relation.self) return Relation.future;
    return Relation.concurrent;
  }
}
