// A table that draws only the rows in view; rows have one height. It scrolls by itself, never the page.
// It must not know what the rows are, nor where they come from.

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

export interface Column<Row> {
  key: string;
  title: ComponentChildren;
  class?: string;
  cell: (row: Row, index: number) => ComponentChildren;
}

interface TableProps<Row> {
  label: string;
  columns: Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  /** The page's class gives `--columns`, the grid of a row, and may turn it into cards on a phone. */
  class: string;
  rowHeight: number;
  /** More rows are wanted: the end is near. */
  onNearEnd?: () => void;
  /** The row the keyboard is at; it is kept in view. */
  cursor?: number;
  isSelected?: (row: Row) => boolean;
  onScrollTop?: (top: number) => void;
  foot?: ComponentChildren;
}

const OVERSCAN = 8;

export function VirtualTable<Row>(props: TableProps<Row>) {
  const { rows, rowHeight, columns, cursor } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const view = useViewport(scroller, props.onScrollTop);
  const first = Math.max(0, Math.floor(view.top / rowHeight) - OVERSCAN);
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / rowHeight) + OVERSCAN);
  const isNearEnd = last >= rows.length - OVERSCAN;
  const { onNearEnd } = props;
  useEffect(() => {
    if (isNearEnd) onNearEnd?.();
  }, [isNearEnd, rows.length, onNearEnd]);
  useLayoutEffect(() => {
    if (cursor !== undefined && cursor >= 0) keepInView(scroller.current, cursor, rowHeight);
  }, [cursor, rowHeight]);
  return (
    <div class={`rows ${props.class}`} role="table" aria-label={props.label} aria-rowcount={rows.length + 1}>
      <div class="rows-head" role="row" aria-rowindex={1}>
        {columns.map((column) => (
          <div role="columnheader" key={column.key} class={`c-${column.key} ${column.class ?? ""}`}>
            {column.title}
          </div>
        ))}
      </div>
      <div class="scroller" ref={scroller} role="rowgroup" tabIndex={0}>
        <div class="virtual" role="presentation" style={{ height: `${rows.length * rowHeight}px` }}>
          <div class="window" role="presentation" style={{ transform: `translateY(${first * rowHeight}px)` }}>
            {rows.slice(first, last).map((row, offset) => (
              <RowView key={props.keyOf(row)} table={props} row={row} index={first + offset} />
            ))}
          </div>
        </div>
      </div>
      {props.foot}
    </div>
  );
}

function RowView<Row>({ table, row, index }: { table: TableProps<Row>; row: Row; index: number }) {
  const isSelected = table.isSelected?.(row) ?? false;
  const names = `row${isSelected ? " selected" : ""}${table.cursor === index ? " cursor" : ""}`;
  return (
    <div class={names} role="row" aria-rowindex={index + 2} style={{ height: `${table.rowHeight}px` }}>
      {table.columns.map((column) => (
        <div role="cell" key={column.key} class={`c-${column.key} ${column.class ?? ""}`}>
          {column.cell(row, index)}
        </div>
      ))}
    </div>
  );
}

interface Viewport {
  top: number;
  height: number;
}

function useViewport(scroller: { current: HTMLDivElement | null }, onTop?: (top: number) => void): Viewport {
  const [view, setView] = useState<Viewport>({ top: 0, height: 800 });
  const tell = useRef(onTop);
  tell.current = onTop;
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return undefined;
    const look = () => {
      setView({ top: element.scrollTop, height: element.clientHeight });
      tell.current?.(element.scrollTop);
    };
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    look();
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", look);
    };
  }, [scroller]);
  return view;
}

function keepInView(element: HTMLElement | null, index: number, rowHeight: number): void {
  if (!element) return;
  const top = index * rowHeight;
  if (top < element.scrollTop) element.scrollTop = top;
  else if (top + rowHeight > element.scrollTop + element.clientHeight) element.scrollTop = top + rowHeight - element.clientHeight;
}
