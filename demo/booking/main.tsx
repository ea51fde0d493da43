/** A booking sheet: a seat is shown as yours when the group has sold it to you, and never to two. */
import { useGroup, usePending, useReplicated } from 'flotilla/react';
import { type ReactElement, useState } from 'react';
import { showPage } from '../shared/page.tsx';
import { nameOfThisTab } from '../shared/name.ts';
import { type Command, type Hall, hall, rows, seats } from './machine.ts';
import './booking.css';

/** Nobody wants the seat any more that he asked for an hour ago, offline. */
const bookingExpiresInMs = 60 * 60 * 1000;

function BookingPage(): ReactElement {
  const group = useGroup<Hall, Command, string>();
  const sold = useReplicated<Hall>();
  const pending = usePending<Command>();
  const [name, setName] = useState(nameOfThisTab);
  const [message, setMessage] = useState('');
  const asked = new Set(pending.map(({ command }) => command.seat));
  const propose = async (command: Command): Promise<void> => {
    setMessage('');
    try {
      const seat = await group.propose(command, { timeoutMs: Infinity, expiresInMs: bookingExpiresInMs });
      setMessage(command.op === 'book' ? `Seat ${seat} is yours.` : `Seat ${seat} is free again.`);
    } catch (error) {
      setMessage(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <>
      <form
        className="line"
        onSubmit={(event) => {
          event.preventDefault();
        }}
      >
        <label>
          Your name{' '}
          <input
            value={name}
            maxLength={40}
            onChange={(event) => {
              setName(event.target.value);
            }}
          />
        </label>
      </form>
      <p role="status">{message || '\u00a0'}</p>
      <div className="hall" style={{ gridTemplateRows: `repeat(${rows.length}, auto)` }}>
        {seats.map((seat) => {
          const owner = sold[seat];
          const isOwn = owner !== undefined && owner === name;
          return (
            <button
              key={seat}
              className={[owner === undefined ? 'free' : isOwn ? 'own' : 'sold', asked.has(seat) ? 'pending' : ''].join(
                ' ',
              )}
              aria-label={`Seat ${seat}, ${owner === undefined ? 'free' : `taken by ${owner}`}`}
              disabled={asked.has(seat) || name.trim() === '' || (owner !== undefined && !isOwn)}
              onClick={() => void propose({ op: isOwn ? 'free' : 'book', seat, name })}
            >
              {seat}
              <small>{owner ?? ''}</small>
            </button>
          );
        })}
      </div>
      <p className="quiet">
        {Object.keys(sold).length} of {seats.length} seats are sold.
      </p>
    </>
  );
}

showPage('Booking', hall, <BookingPage />);
