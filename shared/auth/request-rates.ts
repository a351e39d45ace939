export interface RequestRates {
  take(key: string): void;
}
