/** `high` is what a person waits for (a changed object), `low` what a timer asks for (renewal, retry, first listing). */
export type Priority = 'high' | 'low';

export function higher(a: Priority, b: Priority | undefined): Priority {
  return a === 'high' || b === 'high' ? 'high' : 'low';
}
