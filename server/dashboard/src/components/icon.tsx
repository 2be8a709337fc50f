// The icons, drawn on a grid of 16. They say nothing to a screen reader: the text beside them does.

const PATHS = {
  overview: "M2.5 2.5h4.5v5h-4.5zM9 2.5h4.5v3H9zM9 8h4.5v5.5H9zM2.5 10h4.5v3.5h-4.5z",
  runs: "M4.5 3.2v9.6l8-4.8z",
  workflows: "M5.5 4h5M4 5.5v5M12 5.5 8.6 11M2.5 2.5h3v3h-3zM10.5 2.5h3v3h-3zM5.5 11h4v3h-4zM4 10.5 6 12",
  workers: "M3 5h10v8H3zM8 2v3M6 8.5h.01M10 8.5h.01M6 11h4M1.5 8v2.5M14.5 8v2.5",
  queues: "M2.5 3.5h11M2.5 8h11M2.5 12.5h6",
  timers: "M8 14.5a6 6 0 1 0 0-12 6 6 0 0 0 0 12zM8 5.2v3.5l2.2 1.4M6.5.8h3",
  dead: "M2.5 8.5h3l1 2h3l1-2h3M2.5 8.5v4.5h11V8.5L11.5 3h-7zM8 4.5v2.4",
  docs: "M3 2.5h7l3 3v8H3zM10 2.5v3h3M5.5 8.5h5M5.5 11h5",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3l3.2 3.2",
  filter: "M2.5 4h11M4.5 8h7M6.5 12h3",
  copy: "M5.5 5.5h7.5V13H5.5zM10.5 5.5V3H3v7.5h2.5",
  check: "M3 8.5l3.3 3.3L13 4.8",
  cross: "M4.5 4.5l7 7M11.5 4.5l-7 7",
  dot: "M8 9.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3z",
  circle: "M8 13a5 5 0 1 0 0-10 5 5 0 0 0 0 10z",
  spinner: "M8 2.5A5.5 5.5 0 1 1 2.5 8",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  blocked: "M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM4.2 4.2l7.6 7.6",
  stop: "M4 4h8v8H4z",
  skip: "M3 4l5 4-5 4zM9 4l4 4-4 4z",
  hourglass: "M4 2.5h8M4 13.5h8M5 2.5c0 3 3 4 3 5.5s-3 2.5-3 5.5M11 2.5c0 3-3 4-3 5.5s3 2.5 3 5.5",
  retry: "M13 8A5 5 0 1 1 11.4 4.3M13.2 2v3h-3",
  next: "M3 8h9.5M9 4.5 12.5 8 9 11.5",
  right: "M6 3.5 10.5 8 6 12.5",
  down: "M3.5 6 8 10.5 12.5 6",
  up: "M3.5 10 8 5.5 12.5 10",
  warn: "M8 2.5 14.5 13.5h-13zM8 6.5v3.2M8 11.6v.1",
  info: "M8 14a6 6 0 1 0 0-12 6 6 0 0 0 0 12zM8 7.2V11M8 4.9V5",
  sun: "M8 10.7a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4zM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9",
  moon: "M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8z",
  auto: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 2v12M8 4.5h3.4M8 8h5.6M8 11.5h3.4",
  keyboard: "M1.5 4h13v8.5h-13zM4 6.8h.01M6.7 6.8h.01M9.3 6.8h.01M12 6.8h.01M4.5 10h7",
  trash: "M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.6 9h6.8l.6-9",
  signal: "M8 8.01V8M5.5 10.5a3.5 3.5 0 0 1 0-5M10.5 5.5a3.5 3.5 0 0 1 0 5M3.4 12.6a6.5 6.5 0 0 1 0-9.2M12.6 3.4a6.5 6.5 0 0 1 0 9.2",
  fork: "M4.5 5.5v5M4.5 7.5c0 1 7-.2 7-2M4.5 5.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM11.5 5.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM4.5 13.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3z",
  link: "M9.5 2.5h4v4M13.5 2.5 7.5 8.5M11.5 9.5v4h-9v-9h4",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M2.5 6v-3.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16, class: className }: { name: IconName; size?: number; class?: string | undefined }) {
  return (
    <svg class={className} width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        stroke-width="1.5"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
