export interface LoginAttempt {
  readonly address: string;
  readonly username: string;
}
export interface FailedLogins {
  admit(attempt: LoginAttempt): Promise<void>;
  failed(attempt: LoginAttempt): Promise<void>;
  succeeded(attempt: LoginAttempt): void;
}
