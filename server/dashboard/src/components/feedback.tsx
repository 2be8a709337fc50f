// What a page shows instead of content: nothing there, not there yet, went wrong.
// It must say what to do next whenever there is something to do.

import { Component, type ComponentChildren } from "preact";
import { type ApiError, asApiError } from "../api/problem.js";
import { Icon, type IconName } from "./icon.js";
import type { Tone } from "./states.js";

interface EmptyProps {
  icon: IconName;
  title: string;
  children?: ComponentChildren;
}

export function Empty({ icon, title, children }: EmptyProps) {
  return (
    <div class="empty">
      <Icon name={icon} size={32} />
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function SkeletonRows({ count = 8 }: { count?: number }) {
  return (
    <div role="status">
      <span class="hidden">Loading</span>
      {Array.from({ length: count }, (_, index) => (
        <div class="skeleton-row" key={index} aria-hidden="true">
          <span class="skeleton" />
          <span class="skeleton" />
          <span class="skeleton" />
        </div>
      ))}
    </div>
  );
}

interface NoticeProps {
  tone: Tone;
  icon?: IconName;
  title?: string;
  children?: ComponentChildren;
  action?: ComponentChildren;
}

export function Notice({ tone, icon = "info", title, children, action }: NoticeProps) {
  return (
    <div class={`notice tone-${tone}`} role={tone === "bad" ? "alert" : "status"}>
      <Icon name={icon} />
      <div class="text">
        {title && <strong>{title} </strong>}
        {children}
      </div>
      {action}
    </div>
  );
}

/** A refused or unanswered request. While the server is away it says that the page goes on by itself. */
export function ErrorNotice({ error, retry }: { error: ApiError; retry?: () => void }) {
  const action = retry && !error.isAway && (
    <button type="button" class="button small" onClick={retry}>
      Try again
    </button>
  );
  const title = error.isAway ? "The server is away." : `${error.problem.title ?? error.reason}.`;
  return (
    <Notice tone={error.isAway ? "warn" : "bad"} icon="warn" title={title} action={action}>
      {error.message} <FieldProblems error={error} />
      <span class="mono"> {error.reason}</span>
    </Notice>
  );
}

function FieldProblems({ error }: { error: ApiError }) {
  const problems = (error.problem.errors ?? []).filter((each) => !error.message.includes(each.description ?? ""));
  if (problems.length === 0) return null;
  return (
    <ul>
      {problems.map((problem, index) => (
        <li key={index}>
          <code>{problem.field}</code>: {problem.description}
        </li>
      ))}
    </ul>
  );
}

interface BoundaryState {
  error: unknown;
  at: unknown;
}

/** Keeps a page that throws from taking the shell with it; another `at` tries again. */
export class ErrorBoundary extends Component<{ at: unknown; children: ComponentChildren }, BoundaryState> {
  override state: BoundaryState = { error: undefined, at: this.props.at };

  static override getDerivedStateFromError(error: unknown): Partial<BoundaryState> {
    return { error };
  }

  static override getDerivedStateFromProps(props: { at: unknown }, state: BoundaryState): BoundaryState {
    return props.at === state.at ? state : { error: undefined, at: props.at };
  }

  override render() {
    if (this.state.error === undefined) return this.props.children;
    return <ErrorNotice error={asApiError(this.state.error)} retry={() => this.setState({ error: undefined })} />;
  }
}
