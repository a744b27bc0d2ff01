// Keeps the page in step with the run: states come as server-sent events.
"use strict";

(() => {
  let drawn = "";
  let events = null;

  // The pictures of plans are long and never change: they are fetched once.
  async function fetchPictures(state) {
    const name = `${state.run}:${state.plans.length}`;
    if (name === drawn) return;
    drawn = name;
    const pictures = [];
    for (let plan = 0; plan < state.plans.length; plan++) {
      const answer = await fetch(`/plans/${plan}.svg?run=${state.run}`);
      pictures.push(answer.ok ? await answer.text() : "");
    }
    if (drawn === name) brickwork.showPictures(state.run, pictures);
  }

  // States of one run, or of whichever is the newest.
  function listen(run) {
    if (events) events.close();
    events = new EventSource(run === null ? "/events" : `/events?run=${run}`);
    events.addEventListener("state", (event) => {
      const state = JSON.parse(event.data);
      brickwork.show(state);
      brickwork.connected(true, state);
      fetchPictures(state).catch(() => { drawn = ""; });
    });
    events.addEventListener("error", () => brickwork.connected(false));
  }

  brickwork.onChoose(listen);
  listen(null);
})();
