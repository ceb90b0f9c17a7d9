// The figures as they come. EventSource connects again by itself where a connection ends; what it
// gives up on, or what has fallen silent, is opened again here.

// The server sends something every second.
const SILENCE = 6000;
const AGAIN = 3000;

/** Calls the handler that has an event's name with its data, and `lost` when none come any more.
 * Returns what opens the stream again, for another period. */
export function follow(period, handlers, lost) {
  let source = null;
  let timer = null;

  const after = (time) => {
    clearTimeout(timer);
    timer = setTimeout(again, time);
  };

  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };

  const again = () => {
    lost();
    open();
  };

  function open() {
    close();
    if (document.hidden) return;
    const opened = new EventSource(`/events?period=${period()}`);
    source = opened;
    for (const [name, arrived] of Object.entries(handlers)) {
      opened.addEventListener(name, (event) => {
        if (opened !== source) return;
        after(SILENCE);
        arrived(JSON.parse(event.data));
      });
    }
    opened.addEventListener("error", () => {
      if (opened !== source) return;
      lost();
      after(opened.readyState === EventSource.CLOSED ? AGAIN : SILENCE);
    });
    after(SILENCE);
  }

  // Whom nobody looks at needs no figures.
  document.addEventListener("visibilitychange", open);
  open();
  return open;
}
