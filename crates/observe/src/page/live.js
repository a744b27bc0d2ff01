// Keeps the page in step with the run: states come as server-sent events.
"use strict";

(() => {
  let drawn = "";

  // The pictures of plans are long and never change: they are fetched once.
  async function fetchPictures(state) {
    const name = `${state.run}:${state.plans.length}`;
    if (name === drawn) return;
    drawn = name;
    const pictures = [];
    for (let plan = 0; plan < state.plans.length; plan++) {
      const answer = await fetch(`/plans/${plan}.svg`);
      pictures.push(answer.ok ? await answer.text() : "");
    }
    if (drawn === name) brickwork.showPictures(pictures);
  }

  const events = new EventSource("/events");
  events.addEventListener("state", (event) => {
    const state = JSON.parse(event.data);
    brickwork.show(state);
    brickwork.connected(true, state);
    fetchPictures(state).catch(() => { drawn = ""; });
  });
  events.addEventListener("error", () => brickwork.connected(false));
})();
